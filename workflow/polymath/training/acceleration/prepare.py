"""Prepare a model for many training steps."""

from typing import Any

import torch
from transformers import PreTrainedModel

from polymath.training.acceleration.cpu_kernels import tune_model
from polymath.training.acceleration.first_position import compute_first_position_only


def prepare_for_training(model: PreTrainedModel, precision: str) -> None:
    """Prepare a model on its device for training; do not save or analyse it afterwards."""
    if model.device.type == "cpu":
        tune_model(model, precision)
    compute_first_position_only(model)
    cache_relative_positions(model)


def cache_relative_positions(model: PreTrainedModel) -> None:
    """Let DeBERTa compute its relative positions once per length instead of once per batch.

    It copies a number from the host to the device for that, which a CUDA graph cannot capture.
    Other models are left unchanged.
    """
    encoder: Any = getattr(model.base_model, "encoder", None)
    if not hasattr(encoder, "get_rel_pos"):
        return
    compute, kept = encoder.get_rel_pos, dict[int, torch.Tensor]()

    def cached(states: torch.Tensor, *_: None) -> torch.Tensor:
        length = states.shape[-2]
        if length not in kept:
            kept[length] = compute(states)
        return kept[length]

    encoder.get_rel_pos = cached
