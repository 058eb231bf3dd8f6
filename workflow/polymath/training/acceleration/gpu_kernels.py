"""Fewer kernels per training step on a GPU; nothing here is used on the CPU.

A step of BERT-base under autocast casts each weight, bias and gradient in a kernel of its own, some
300 of about 1,050. The numbers stay those of autocast: bf16 copies of the weights, whose gradients
add up in bf16 within a backward pass and in fp32 between passes.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

from polymath.training.acceleration.cpu_kernels import SharedCast

# Layers that read the same tensor, called in this order, by the names that models give them.
ATTENTION_INPUTS = (("query", "key", "value"), ("q_lin", "k_lin", "v_lin"))


def use_weight_copies(model: PreTrainedModel) -> None:
    """Let a model's linear layers compute with bf16 copies of their weights.

    The copies are made in one launch when the model's forward pass begins, so only calls of the
    whole model work. Query, key and value are one product where they read the same tensor. Call
    this when the model is on its device and its layers are final.
    """
    copies = _WeightCopies(model)
    model.register_forward_pre_hook(lambda *_: copies.refresh())
    model.register_forward_hook(lambda *_: copies.clear(), always_call=True)


class _CastAll(torch.autograd.Function):
    """Cast fp32 tensors to bf16, and their gradients back, in as few kernels as there can be.

    Consecutive tensors are joined along their first dimension as `groups` says.
    """

    @staticmethod
    def forward(ctx: Any, groups: list[int], *sources: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.groups, ctx.shapes = groups, [source.shape for source in sources]
        outputs, targets, start = [], list[torch.Tensor](), 0
        for size in groups:
            members = sources[start : start + size]
            rows = [len(member) for member in members]
            joined = members[0].new_empty((sum(rows), *members[0].shape[1:]), dtype=torch.bfloat16)
            outputs.append(joined)
            targets += joined.split(rows)
            start += size
        torch._foreach_copy_(targets, list(sources))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        results: list[torch.Tensor | None] = []
        sources, targets = list[torch.Tensor](), list[torch.Tensor]()
        for size, gradient in zip(ctx.groups, gradients, strict=True):
            shapes = ctx.shapes[len(results) : len(results) + size]
            if gradient is None:
                results += [None] * size
                continue
            made = [gradient.new_empty(shape, dtype=torch.float32) for shape in shapes]
            sources += gradient.split([shape[0] for shape in shapes])
            targets += made
            results += made
        torch._foreach_copy_(targets, sources)
        return None, *results


class _Product:
    """One product for layers that read the same tensor; a layer alone is the usual case."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self.layers, self.rows = layers, [layer.out_features for layer in layers]
        self.trained = layers[0].weight.requires_grad
        self.weight: torch.Tensor | None = None
        self.bias: torch.Tensor | None = None
        self._input: torch.Tensor | None = None
        self._outputs: tuple[torch.Tensor, ...] = ()

    @property
    def sources(self) -> list[list[torch.Tensor]]:
        """Return the weights, and the biases if there are any."""
        weights: list[torch.Tensor] = [layer.weight for layer in self.layers]
        biases: list[torch.Tensor] = [each.bias for each in self.layers if each.bias is not None]
        return [weights, biases] if biases else [weights]

    def compute(self, place: int, cast: SharedCast, tensor: torch.Tensor) -> torch.Tensor:
        """Return the output of one layer; the first layer's call computes all of them."""
        assert self.weight is not None, "only calls of the whole model work"
        if place == 0:
            outputs = F.linear(cast(tensor), self.weight, self.bias)
            if len(self.layers) == 1:
                return outputs
            self._input, self._outputs = tensor, outputs.split(self.rows, dim=-1)
        if tensor is self._input:
            return self._outputs[place]
        weight = self.weight.split(self.rows)[place]
        bias = None if self.bias is None else self.bias.split(self.rows)[place]
        return F.linear(cast(tensor), weight, bias)

    def clear(self) -> None:
        """Drop tensors of a forward pass that has ended."""
        self._input, self._outputs = None, ()


class _WeightCopies:
    """The bf16 copies of a model's linear layers during one forward pass."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.products = [_Product(layers) for layers in _products_of(model)]
        self.cast = SharedCast()
        self._frozen_are_cast = False
        for product in self.products:
            for place, layer in enumerate(product.layers):
                layer.forward = partial(self._compute, product, place)  # type: ignore[method-assign]

    def _compute(self, product: _Product, place: int, tensor: torch.Tensor) -> torch.Tensor:
        return product.compute(place, self.cast, tensor)

    def refresh(self) -> None:
        """Copy the weights as they are now; those that are not trained once only."""
        self._copy([product for product in self.products if product.trained])
        if not self._frozen_are_cast:
            self._copy([product for product in self.products if not product.trained])
            self._frozen_are_cast = True

    def _copy(self, products: list[_Product]) -> None:
        sources = [group for product in products for group in product.sources]
        if not sources:
            return
        flat = [tensor for group in sources for tensor in group]
        copies = iter(_CastAll.apply(list(map(len, sources)), *flat))
        for product in products:
            product.weight = next(copies)
            product.bias = next(copies) if len(product.sources) > 1 else None

    def clear(self) -> None:
        """Drop what belongs to the forward pass, so that no tensor outlives it here."""
        self.cast = SharedCast()
        for product in self.products:
            product.clear()
            if product.trained:
                product.weight = product.bias = None


def _products_of(model: PreTrainedModel) -> list[list[nn.Linear]]:
    """Return a model's linear layers, those that read the same tensor together."""
    joined: list[list[nn.Linear]] = []
    for module in model.modules():
        for names in ATTENTION_INPUTS:
            # A last layer that computes the first position alone gives its query another tensor.
            chosen = names[1:] if "forward" in vars(module) else names
            layers: list[Any] = [getattr(module, name, None) for name in chosen]
            if _can_be_joined(layers):
                joined.append(layers)
    known = {id(layer) for layers in joined for layer in layers}
    alone = [m for m in model.modules() if type(m) is nn.Linear and id(m) not in known]
    return joined + [[layer] for layer in alone]


def _can_be_joined(layers: list[Any]) -> bool:
    """Return whether plain linear layers agree in input, bias and whether they are trained."""
    if any(type(layer) is not nn.Linear for layer in layers):
        return False
    kinds = {
        (layer.in_features, layer.bias is None, layer.weight.requires_grad) for layer in layers
    }
    return len(kinds) == 1


def clip_in_optimiser(optimiser: torch.optim.Optimizer, clip_norm: float) -> None:
    """Clip the gradients' norm in the next step of a fused optimiser, which reads them anyway.

    Equal to torch.nn.utils.clip_grad_norm_ up to rounding.
    """
    gradients = [
        parameter.grad
        for group in optimiser.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]
    norm = torch.nn.utils.get_total_norm(gradients)
    # Fused optimisers divide gradients by this attribute (torch.amp's gradient scale).
    optimiser.grad_scale = ((norm + 1e-6) / clip_norm).clamp(min=1)  # type: ignore[attr-defined]
