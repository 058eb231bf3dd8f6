"""Pooling: what a classifier's head reads of the last hidden states.

Sources: N. Reimers and I. Gurevych, Sentence-BERT, EMNLP 2019, section 3 (mean and maximum over the
positions of the attention mask, special tokens included).
"""

from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from polymath.models.build import on_trial
from polymath.util.errors import PolymathError

OWN = "cls"
# In the config.json of a trained model: its head reads this, and transformers does not know it.
KEY = "polymath_pooling"
# Rows of a batch are rounded alike on some processors only; what a head reads besides is larger.
TOLERANCE = 1e-5


def mark_pooling(config: PretrainedConfig, pooling: str) -> None:
    """State a model's pooling in its configuration, and nothing where it is the model's own.

    ModernBERT's and EuroBERT's own heads can take the mean, and do so wherever the model is loaded.
    """
    if pooling != OWN:
        setattr(config, KEY, pooling)
        if pooling == "mean" and hasattr(config, "classifier_pooling"):
            config.classifier_pooling = "mean"
    elif hasattr(config, KEY):  # of an earlier fine-tuning
        delattr(config, KEY)


def has_own_pooling(model: PreTrainedModel) -> bool:
    """Whether a model's head reads the last hidden states as transformers made it."""
    return not hasattr(model.config, KEY)


def set_pooling(model: PreTrainedModel, pooling: str) -> None:
    """Let a classifier's head read the mean or the maximum of the last hidden states.

    Whatever position the head reads, it has the pooled state: every position of a row gets it. So
    the head, its parameters and their random draw stay the same. Padding is left out.

    Args:
        pooling: `mean`, `max`, or `cls` for what the model's own head reads.

    Raises:
        PolymathError: if the model's head reads more than the last hidden states.
    """
    mark_pooling(model.config, pooling)
    if pooling == OWN:
        return
    pool = _Pool(pooling)
    model.register_forward_pre_hook(pool.read_mask, with_kwargs=True)
    model.register_forward_hook(pool.forget_mask, always_call=True)
    _last_states_of(model).register_forward_hook(pool.replace_states)
    _require_effect(model, pool, pooling)


def _last_states_of(model: PreTrainedModel) -> nn.Module:
    """Return the module whose output has the last hidden states, before any pooler."""
    encoder: Any = model.base_model
    layers = getattr(encoder, "encoder", None)
    has_pooler = getattr(encoder, "pooler", None) is not None
    return layers if has_pooler and isinstance(layers, nn.Module) else encoder


class _Pool:
    """Hooks that replace each position's last state by the pooled one of its row."""

    def __init__(self, pooling: str) -> None:
        self.pooling = pooling
        self.mask: torch.Tensor | None = None
        self.is_constant = False

    def read_mask(self, model: nn.Module, inputs: Any, named: dict[str, Any]) -> None:
        """Remember the batch's mask (b, t), which the encoder's own output lacks."""
        self.mask = named.get("attention_mask")

    def forget_mask(self, *_: Any) -> None:
        """Keep no tensor of a forward pass that has ended."""
        self.mask = None

    def replace_states(self, layers: nn.Module, inputs: Any, output: Any) -> Any:
        """Return an encoder's output with the pooled states."""
        states = output.last_hidden_state
        pooled = torch.ones_like(states[:, 0]) if self.is_constant else self._pool(states)
        output.last_hidden_state = pooled[:, None].expand_as(states)
        return output

    def _pool(self, states: torch.Tensor) -> torch.Tensor:
        """Return (b, hidden) of states (b, t, hidden)."""
        if self.mask is None:
            return states.amax(dim=1) if self.pooling == "max" else states.mean(dim=1)
        kept = self.mask[..., None]
        if self.pooling == "max":
            return states.masked_fill(kept == 0, -torch.inf).amax(dim=1)
        return (states * kept).sum(dim=1) / kept.sum(dim=1)


def _require_effect(model: PreTrainedModel, pool: _Pool, pooling: str) -> None:
    """Refuse a model whose logits depend on the tokens although the pooled states are constant."""
    tokens = torch.tensor([[0, 0, 0], [1, 1, 1]])
    pool.is_constant = True
    with on_trial(model):
        first, second = model(input_ids=tokens, attention_mask=None).logits
    pool.is_constant = False
    if not torch.allclose(first, second, rtol=0, atol=TOLERANCE):
        raise PolymathError(
            f"recipe: pooling {pooling}: the head of a {model.config.model_type} model reads more "
            "than the last hidden states: use pooling cls, or exclude the recipe for this model"
        )
