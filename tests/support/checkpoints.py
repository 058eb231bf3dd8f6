"""Checkpoints of a replicate that nobody trained."""

import torch

from polymath.training.checkpoints import Checkpoint
from polymath.training.loop import CurvePoint


def some_checkpoint(step: int, size: int = 10) -> Checkpoint:
    return Checkpoint(step, [CurvePoint(0, 0, 1.0, 0.5, 0.0)], 1.5, {"model.a": torch.ones(size)})
