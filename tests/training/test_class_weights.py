"""Balanced class weights: scikit-learn's, and a loss that adds up over micro-batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from polymath.models.build import build_classifier
from polymath.training.batches import Batch
from polymath.training.class_weights import (
    balanced_label_weights,
    balanced_weights,
    weighted_loss,
    weighted_set_loss,
)
from polymath.training.loop import batch_loss, forward
from polymath.util.storage import read_table
from support.families import Checkpoint
from support.jobs import outputs_in, recipe_of, run_job, write_job

RARE = ["even"] * 44 + ["odd"] * 16


@given(targets=st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_weights_are_those_of_scikit_learn_and_their_mean_over_rows_is_one(
    targets: list[int],
) -> None:
    rows = np.array(targets, dtype=float)
    weights = balanced_weights(rows, 6).numpy()
    occurring = np.unique(targets)
    expected = compute_class_weight("balanced", classes=occurring, y=targets)
    np.testing.assert_allclose(weights[occurring], expected, rtol=1e-6)
    assert weights[np.setdiff1d(np.arange(6), occurring)].sum() == 0
    assert weights[targets].mean() == pytest.approx(1)


def test_the_loss_is_weighted_cross_entropy_and_that_of_halves_adds_up(
    checkpoint: Checkpoint,
) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(7, 200, (8, 12), generator=generator)
    batch = Batch(ids, None, torch.tensor([0, 0, 0, 0, 0, 1, 1, 2]).double())
    weights = torch.tensor([0.5, 1.5, 3.0])
    loss = weighted_loss(weights)
    whole = loss(model, batch, "fp32")
    logits, targets = forward(model, batch, "fp32"), batch.targets.long()
    expected = F.cross_entropy(logits, targets, weights, reduction="sum") / 8
    torch.testing.assert_close(whole, expected)
    halves = [Batch(ids[rows], None, batch.targets[rows]) for rows in (slice(4), slice(4, 8))]
    torch.testing.assert_close(whole, sum(loss(model, half, "fp32") for half in halves) / 2)
    plain = weighted_loss(torch.ones(3))(model, batch, "fp32")
    torch.testing.assert_close(plain, batch_loss(model, batch, "fp32"))


def test_of_sets_each_label_weighs_its_two_kinds_of_rows_alike(checkpoint: Checkpoint) -> None:
    has = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0.0]])
    weights = balanced_label_weights(has)
    for label, column in enumerate(has.T.astype(int)):
        kinds = np.unique(column)
        expected = compute_class_weight("balanced", classes=kinds, y=column)
        np.testing.assert_allclose(weights[kinds, label], expected, rtol=1e-6)
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    batch = Batch(torch.randint(7, 200, (4, 12)), None, torch.tensor(has))
    each = torch.where(batch.targets == 1, weights[1], weights[0])
    bce = torch.nn.BCEWithLogitsLoss(reduction="none")
    expected_loss = (bce(forward(model, batch, "fp32"), batch.targets.float()) * each).mean()
    torch.testing.assert_close(weighted_set_loss(weights)(model, batch, "fp32"), expected_loss)
    plain = weighted_set_loss(torch.ones(2, 3))(model, batch, "fp32")
    torch.testing.assert_close(plain, batch_loss(model, batch, "fp32"))


def test_the_default_is_left_out_of_what_identifies_a_condition() -> None:
    plain, balanced = recipe_of(), recipe_of(class_weights="balanced")
    for options in ({"exclude_defaults": True}, {"mode": "json"}):
        assert "class_weights" not in plain.model_dump(**options)
        assert balanced.model_dump(**options)["class_weights"] == "balanced"
    assert plain.model_dump(mode="json") == recipe_of(class_weights="none").model_dump(mode="json")


def test_a_balanced_recipe_predicts_the_rare_class_more_often(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    rare_logit = {}
    for weights in ("none", "balanced"):
        folder = tmp_path / weights
        job = write_job(folder, checkpoint("bert"), RARE, replicates=1,
                        recipe={"class_weights": weights, "steps": 20})  # fmt: skip
        run_job(job, folder)
        logits = np.stack(read_table(outputs_in(folder).predictions)["logits"].to_list())
        rare_logit[weights] = (logits[:, 1] - logits[:, 0]).mean()
    assert rare_logit["balanced"] > rare_logit["none"] + 0.3


def test_a_regression_has_no_weights(checkpoint: Checkpoint, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=40).tolist()
    for weights in ("none", "balanced"):
        job = write_job(tmp_path / weights, checkpoint("bert"), values, replicates=1,
                        recipe={"class_weights": weights, "steps": 2})  # fmt: skip
        run_job(job, tmp_path / weights)
    tables = [read_table(outputs_in(tmp_path / name).predictions) for name in ("none", "balanced")]
    assert tables[0]["logits"].map(tuple).tolist() == tables[1]["logits"].map(tuple).tolist()
