"""Leave out of a classifier's last encoder layer what its head does not read.

resources/docs/training.md has how much more processor time a step takes without it.
"""

import sys
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from polymath.models.pooling import has_own_pooling

# transformers' classifiers whose head reads the first position only and whose last layer treats
# positions independently after attention: those that share BERT's encoder.
READ_FIRST = {
    f"transformers.models.{family}.modeling_{family}.{name}ForSequenceClassification"
    for family, name in (("bert", "Bert"), ("electra", "Electra"), ("roberta", "Roberta"))
}


def compute_first_position_only(model: PreTrainedModel) -> None:
    """Let the last encoder layer compute the first position only, where the head reads no other.

    Keys and values still come from all positions, so logits and gradients stay the same up to
    rounding. Other models are left unchanged. The last hidden states are cut too, so this is for
    training only.
    """
    if not has_own_pooling(model):
        return
    if f"{type(model).__module__}.{type(model).__qualname__}" not in READ_FIRST:
        return
    attention = model.base_model.encoder.layer[-1].attention
    attention.self.forward = partial(_attend, attention.self)
    attention.output.register_forward_pre_hook(_take_first)


def _attend(
    layer: Any, states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the first position's attention output (b, 1, hidden) of states (b, length, hidden)."""
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
