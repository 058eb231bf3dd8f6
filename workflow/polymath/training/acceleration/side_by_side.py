"""Estimate the memory that a replicate takes in training, and how many fit side by side."""

import torch
from transformers import PreTrainedModel

from polymath.training.batches import Batch
from polymath.training.loop import batch_loss

# Weights, gradients and Adam's two moments, fp32; a frozen parameter is its weight alone.
BYTES_PER_PARAMETER, BYTES_FROZEN = 16, 4
# Library workspaces, gradients of activations, fragments, and graphs of several lengths.
MARGIN = 1.5
USABLE = 0.9
# torch has this many streams per device; replicates that share one would run one after another.
STREAMS = 32


def estimate_memory(model: PreTrainedModel, batch: Batch, precision: str) -> int:
    """Return the bytes that training takes with batches of this shape, from one forward pass.

    The pass counts each storage that autograd keeps for the backward pass once, parameters
    left out.
    """
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = batch_loss(model, batch, precision)
    del loss
    held = sum(
        p.numel() * (BYTES_PER_PARAMETER if p.requires_grad else BYTES_FROZEN)
        for p in model.parameters()
    )
    return int(MARGIN * (held + sum(kept.values())))


def count_that_fit(needed: int, free: int, wanted: int) -> int:
    """Return how many of `wanted` replicates to train at once: at least one."""
    return max(1, min(wanted, STREAMS, int(USABLE * free) // needed))
