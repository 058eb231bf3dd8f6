"""Prepare a model for many training steps."""

from typing import Any

import torch
from transformers import PreTrainedModel

from polymath.training.acceleration.cpu_kernels import tune_model
from polymath.training.acceleration.first_position import compute_first_position_only
from polymath.training.acceleration.gpu_kernels import use_weight_copies


def prepare_for_training(model: PreTrainedModel, precision: str) -> None:
    """Prepare a model on its device for training; do not save or analyse it afterwards."""
    on_cpu = model.device.type == "cpu"
    if on_cpu:
        tune_model(model, precision)
    compute_first_position_only(model)
    cache_relative_positions(model)
    if precision == "bf16" and not on_cpu:
        use_weight_copies(model)


# DeBERTa's relative positions by device, length and the settings that they depend on.
_POSITIONS: dict[tuple[object, ...], torch.Tensor] = {}


def cache_relative_positions(model: PreTrainedModel) -> None:
    """Let DeBERTa compute its relative positions once per length and process, not once per batch.

    It copies a number from the host to the device for that, which a CUDA graph cannot capture.
    Other models are left unchanged.
    """
    encoder: Any = getattr(model.base_model, "encoder", None)
    if not getattr(encoder, "relative_attention", False):
        return
    compute = encoder.get_rel_pos
    settings = (getattr(encoder, "position_buckets", None), encoder.max_relative_positions)

    def cached(states: torch.Tensor, *_: None) -> torch.Tensor:
        key = (states.device, states.shape[-2], *settings)
        if key not in _POSITIONS:
            _POSITIONS[key] = compute(states)
            if states.is_cuda:  # other streams read it without waiting for this one
                torch.cuda.current_stream().synchronize()
        return _POSITIONS[key]

    encoder.get_rel_pos = cached
