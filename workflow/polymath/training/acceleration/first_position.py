"""Leaves out of a classifier's last encoder layer what its head does not read."""

import sys
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

# Of transformers' own classifiers, those whose head reads the first position alone and whose last
# layer, after attention, treats each position by itself: they share BERT's encoder.
READ_FIRST = {
    f"transformers.models.{family}.modeling_{family}.{name}ForSequenceClassification"
    for family, name in (("bert", "Bert"), ("electra", "Electra"), ("roberta", "Roberta"))
}


def read_first_position(model: PreTrainedModel) -> None:
    """Let the last encoder layer compute the first position only, if the head reads no other.

    Logits and gradients are the same sums of the same numbers; keys and values still come from all
    positions. Does nothing to another model. Hidden states of the last layer are then cut as well,
    so it is for training, not for a model that is saved or looked into.
    """
    if f"{type(model).__module__}.{type(model).__qualname__}" not in READ_FIRST:
        return
    attention = model.base_model.encoder.layer[-1].attention
    attention.self.forward = partial(_attend, attention.self)
    attention.output.register_forward_pre_hook(_take_first)


def _attend(
    layer: Any, states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what the first position gathers (b, 1, hidden) from states (b, length, hidden)."""
    heads = (len(states), -1, layer.num_attention_heads, layer.attention_head_size)
    query = layer.query(states[:, :1]).view(heads).transpose(1, 2)
    key = layer.key(states).view(heads).transpose(1, 2)
    value = layer.value(states).view(heads).transpose(1, 2)
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(
        layer.config._attn_implementation,
        sys.modules[type(layer).__module__].eager_attention_forward,
    )
    mask = None if attention_mask is None else attention_mask[:, :, :1]
    dropout = layer.dropout.p if layer.training else 0.0
    gathered, weights = attend(
        layer, query, key, value, mask, dropout=dropout, scaling=layer.scaling
    )
    return gathered.reshape(len(states), 1, -1), weights


def _take_first(
    layer: nn.Module, inputs: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    gathered, residual = inputs
    return gathered, residual[:, :1]
