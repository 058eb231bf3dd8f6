"""Fast training steps on the CPU; of all this a GPU uses the shared cast alone.

resources/docs/training.md has how much more processor time a step takes without each piece.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

KEPT_BYTES = 2**30


def keep_freed_memory() -> None:
    """Let glibc keep the large blocks that each step frees and allocates again.

    By default they go back to the kernel, and each step waits for page faults. Other C libraries
    are left as they are.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # as numbered in its malloc.h
        for option in (trim_threshold, mmap_threshold):
            libc.mallopt(option, KEPT_BYTES)


@contextmanager
def fast_dropout(seed: int) -> Iterator[None]:
    """Draw dropout masks from 16 random bits per entry while the block lasts.

    Torch draws a floating-point number for each entry, one after another. Modules and attention
    functions both look up the function that is replaced here. A rate is rounded to a multiple of
    2^-16, and kept entries are scaled by the rounded rate, so that the expectation is exact.
    """
    bits, original = np.random.SFC64(seed), F.dropout

    def dropout(
        input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if not training or p == 0 or inplace:
            return original(input, p, training, inplace)
        threshold = round(p * 2**16)
        drawn = bits.random_raw(-(-input.numel() // 4)).view(np.uint16)[: input.numel()]
        kept = torch.from_numpy((drawn >= threshold).view(np.uint8)).view(input.shape)
        output: torch.Tensor = _Dropout.apply(input, kept, 1 / (1 - threshold / 2**16))
        return output

    F.dropout = dropout
    try:
        yield
    finally:
        F.dropout = original


class _Dropout(torch.autograd.Function):
    """Keep the chosen entries, scaled; save one byte per entry for the backward pass."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return (tensor * kept).mul_(scale)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return (gradient * kept).mul_(ctx.scale), None, None


def tune_model(model: PreTrainedModel, precision: str) -> None:
    """Choose how a model on the CPU computes attention and, in bf16, linear layers.

    The backward pass of the fused attention kernel is slower than single operations.
    """
    model.set_attn_implementation("eager")
    if precision != "bf16":
        return
    shared = SharedCast()
    for module in model.modules():
        if type(module) is nn.Linear:
            module.forward = partial(_forward, module, shared)  # type: ignore[method-assign]


class SharedCast:
    """Cast a tensor to bf16 once for all layers that read it (query, key and value)."""

    def __init__(self) -> None:
        self._source: torch.Tensor | None = None
        self._cast = torch.empty(0)
        self._state = (0, False)

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype == torch.bfloat16:
            return tensor
        # An updated parameter is the same object, and so is one cast without gradients before.
        state = (tensor._version, torch.is_grad_enabled())
        if tensor is not self._source or state != self._state:
            self._source, self._state = tensor, state
            self._cast = tensor.to(torch.bfloat16)
        return self._cast


def _forward(layer: nn.Linear, shared: SharedCast, tensor: torch.Tensor) -> torch.Tensor:
    """Compute a linear layer in bf16, as autocast would."""
    output: torch.Tensor = _Linear.apply(shared(tensor), layer.weight, layer.bias)
    return output


class _Linear(torch.autograd.Function):
    """A linear layer with fp32 weights and bf16 inputs, computed in bf16."""

    @staticmethod
    def forward(
        ctx: Any, tensor: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        rows, small = tensor.reshape(-1, tensor.shape[-1]), weight.to(torch.bfloat16)
        ctx.save_for_backward(rows, small)
        ctx.shape = tensor.shape
        output = F.linear(rows, small, None if bias is None else bias.to(small.dtype))
        return output.view(*tensor.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        rows, weight = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_input, of_weight, of_bias = ctx.needs_input_grad  # frozen ones need none
        return (
            (gradient @ weight).view(ctx.shape) if of_input else None,
            (gradient.t() @ rows).float() if of_weight else None,
            gradient.sum(0).float() if of_bias else None,
        )
