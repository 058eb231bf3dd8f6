"""What a model in training leaves out or keeps, with the same results."""

from typing import Any

import torch
from transformers import PreTrainedModel

from polymath.training.acceleration.cpu_kernels import tune_model
from polymath.training.acceleration.first_position import read_first_position


def take_shortcuts(model: PreTrainedModel, precision: str) -> None:
    """Prepare a model on its device for many steps: not for being saved or looked into."""
    if model.device.type == "cpu":
        tune_model(model, precision)
    read_first_position(model)
    remember_positions(model)


def remember_positions(model: PreTrainedModel) -> None:
    """Let DeBERTa make its table of relative positions once for each length, not for each batch.

    It copies a number from the host to the device for that, which a recorded step must not. Does
    nothing to another model.
    """
    encoder: Any = getattr(model.base_model, "encoder", None)
    if not hasattr(encoder, "get_rel_pos"):
        return
    compute, kept = encoder.get_rel_pos, dict[int, torch.Tensor]()

    def remembered(states: torch.Tensor, *_: None) -> torch.Tensor:
        length = states.shape[-2]
        if length not in kept:
            kept[length] = compute(states)
        return kept[length]

    encoder.get_rel_pos = remembered
