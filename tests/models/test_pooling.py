"""Pooled classifiers: against transformers' own heads, and against each head by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from polymath.experiment.recipes import Recipe
from polymath.models.build import build_classifier
from polymath.models.cnn import CnnConfig
from polymath.models.pooling import mark_pooling, set_pooling
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.util.errors import PolymathError
from support.families import Checkpoint, families

LENGTHS = (9, 4, 1)
# What each family's head does with one state per row.
HEADS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "bert": lambda model, x: model.classifier(model.bert.pooler.dense(x).tanh()),
    "albert": lambda model, x: model.classifier(model.albert.pooler(x).tanh()),
    "roberta": lambda model, x: model.classifier(x[:, None]),
    "electra": lambda model, x: model.classifier(x[:, None]),
    "esm": lambda model, x: model.classifier(x[:, None]),
    "distilbert": lambda model, x: model.classifier(model.pre_classifier(x).relu()),
    "deberta-v2": lambda model, x: model.classifier(
        torch.nn.functional.gelu(model.pooler.dense(x))
    ),
    "modernbert": lambda model, x: model.classifier(model.head(x)),
}


def padded_rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the lengths LENGTHS, padded by token 1: ids and mask (rows, 9)."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.tensor([[1] * length + [0] * (9 - length) for length in LENGTHS])
    return torch.randint(7, 200, mask.shape, generator=generator).where(mask == 1, 1), mask


def logits_of(model: Any, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return logits


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("family", families(HEADS))
def test_the_head_reads_the_pooled_states_of_all_but_padding(
    family: str, pooling: str, checkpoint: Checkpoint
) -> None:
    plain, pooled = (
        build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0).eval() for _ in "ab"
    )
    set_pooling(pooled, pooling)
    ids, mask = padded_rows()
    together = logits_of(pooled, ids, mask)
    for row, length in enumerate(LENGTHS):
        alone = ids[row : row + 1, :length]
        states = plain.base_model(input_ids=alone).last_hidden_state[0]
        state = states.mean(0) if pooling == "mean" else states.max(0).values
        expected = HEADS[family](plain, state[None])
        torch.testing.assert_close(logits_of(pooled, alone, None), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(together[row : row + 1], expected, rtol=0, atol=1e-5)


def test_the_mean_is_that_of_modernberts_own_head(checkpoint: Checkpoint) -> None:
    ours, theirs = (
        build_classifier(checkpoint("modernbert"), "pretrained", 3, 0, 0.0) for _ in "ab"
    )
    set_pooling(ours, "mean")
    theirs.config.classifier_pooling = "mean"
    gradients = []
    for model in (ours, theirs):
        logits = logits_of(model, *padded_rows())
        logits.square().sum().backward()
        gradients.append([value.grad for value in model.parameters() if value.grad is not None])
    for mine, own in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, own, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_leaves_no_position_out(
    pooling: str, precision: str, checkpoint: Checkpoint
) -> None:
    plain, prepared = (
        build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0).eval() for _ in "ab"
    )
    for model in (plain, prepared):
        set_pooling(model, pooling)
    prepare_for_training(prepared, precision)
    ids, mask = padded_rows()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        expected, actual = (logits_of(model, ids, mask).float() for model in (plain, prepared))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5 if precision == "fp32" else 0.02)


def test_a_model_of_the_users_own_pooling_states_none(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    before = model.config.to_dict()
    set_pooling(model, "cls")
    assert model.config.to_dict() == before
    assert not model._forward_pre_hooks
    mark_pooling(model.config, "max")
    assert model.config.to_dict() == {**before, "polymath_pooling": "max"}
    mark_pooling(model.config, "cls")  # fine-tuned once more
    assert model.config.to_dict() == before


def test_rows_that_are_rounded_differently_are_no_reason_to_refuse(checkpoint: Checkpoint) -> None:
    for seed in range(40):
        set_pooling(build_classifier(checkpoint("bert"), "scratch", 1, seed, 0.0), "mean")


def test_a_head_that_reads_more_than_the_last_states_is_refused() -> None:
    model = AutoModelForSequenceClassification.from_config(
        CnnConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1)
    )
    with pytest.raises(PolymathError, match=r"pooling mean.*polymath-cnn"):
        set_pooling(model, "mean")


def test_a_recipe_without_pooling_is_the_one_of_before() -> None:
    recipe = Recipe(learning_rate=1e-3, batch_size=8, steps=1)
    assert "pooling" not in recipe.model_dump(mode="json")
    assert recipe.model_copy(update={"pooling": "mean"}).model_dump()["pooling"] == "mean"
