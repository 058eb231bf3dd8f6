"""Errors on test: against scikit-learn, and which of them are shown first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from polymath.evaluation import errors
from polymath.evaluation.predictions import ItemPredictions, Predictions
from polymath.evaluation.scores import best_on_dev, score_condition
from polymath.evaluation.tables import SCORE_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import write_table
from support.evidence import write_predictions

LABELS = ["a", "b", "c"]
ARM = Condition("odd", "small", "pretrained", "random", "1", "default")


def draw_items(seed: int, count: int = 60) -> ItemPredictions:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 3, count)
    outputs = generator.dirichlet(np.ones(3) / 2, count) + np.eye(3)[targets]
    names = np.array([f"{number:03d}" for number in range(count)])
    return ItemPredictions(names, targets.astype(float), outputs / 2)


@given(seed=st.integers(0, 1000))
def test_confusions_and_scores_per_class_are_those_of_scikit_learn(seed: int) -> None:
    items = draw_items(seed)
    counts = errors.count_confusions(items, 3)
    assert counts.tolist() == sk.confusion_matrix(items.targets, items.predicted).tolist()
    expected = sk.precision_recall_fscore_support(items.targets, items.predicted)
    table = errors.score_classes(counts, LABELS)
    for name, values in zip(("precision", "recall", "F1", "n"), expected, strict=True):
        np.testing.assert_allclose(table[name], values)


def draw_sets(seed: int, count: int = 60) -> ItemPredictions:
    """Sets of three labels, of which no item has the last."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((count, 3)) < (0.5, 0.2, 0)).astype(float)
    outputs = 0.6 * generator.random((count, 3)) + 0.4 * targets
    return ItemPredictions(np.array([f"{n:03d}" for n in range(count)]), targets, outputs)


@given(seed=st.integers(0, 1000))
def test_scores_per_label_are_those_of_scikit_learn(seed: int) -> None:
    items = draw_sets(seed)
    table = errors.score_labels(items, LABELS)
    expected = sk.precision_recall_fscore_support(
        items.targets, items.predicted, zero_division=np.nan
    )
    for name, values in zip(("precision", "recall", "F1", "n"), expected, strict=True):
        np.testing.assert_allclose(table[name][:2], values[:2])
    aucs = sk.roc_auc_score(items.targets[:, :2], items.outputs[:, :2], average=None)
    np.testing.assert_allclose(table["ROC-AUC"][:2], aucs)
    assert table.loc[2, ["recall", "F1", "ROC-AUC"]].isna().all()


@given(seed=st.integers(0, 1000))
def test_the_surest_wrong_labels_are_shown(seed: int) -> None:
    items = draw_sets(seed)
    table = errors.surest_label_errors(items, LABELS)
    wrong = items.predicted != items.targets
    sureness = np.maximum(items.outputs, 1 - items.outputs)[wrong]
    assert table["probability"].tolist() == sorted(sureness, reverse=True)[: errors.SHOWN]
    for row in table.itertuples():
        place, label = int(row.id), LABELS.index(str(row.wrong))
        has = bool(items.targets[place, label])
        assert (row.wrong in str(row.label).split(", ")) == has
        assert (row.wrong in str(row.prediction).split(", ")) != has


def test_shares_of_nothing_are_missing() -> None:
    table = errors.score_classes(np.array([[2, 0, 1], [3, 0, 0], [0, 0, 0]]), LABELS)
    assert np.isnan(table["precision"]).tolist() == [False, True, False]
    assert np.isnan(table["recall"]).tolist() == [False, False, True]
    assert table["F1"].tolist()[1] == 0
    assert np.isnan(table["F1"]).tolist() == [False, False, True]


@given(seed=st.integers(0, 1000))
def test_the_surest_errors_are_wrong_and_no_error_left_out_is_surer(seed: int) -> None:
    items = draw_items(seed)
    table = errors.surest_errors(items, LABELS)
    place = {name: number for number, name in enumerate(items.names)}
    wrong = items.targets != items.predicted
    assert len(table) == min(errors.SHOWN, wrong.sum())
    assert (table["label"] != table["prediction"]).all()
    assert table["probability"].is_monotonic_decreasing
    shown = [place[name] for name in table["id"]]
    left_out = np.setdiff1d(np.flatnonzero(wrong), shown)
    sureness = items.outputs.max(axis=1)
    assert wrong[shown].all()
    assert not len(left_out) or sureness[left_out].max() <= table["probability"].min()


def test_of_values_the_largest_errors_come_first_and_right_ones_not_at_all() -> None:
    items = ItemPredictions(
        np.array(["a", "b", "c"]), np.array([1.0, 2.0, 3.0]), np.array([[1.5], [2.0], [0.0]])
    )
    table = errors.surest_errors(items, [])
    assert table["id"].tolist() == ["c", "a"]
    assert table["label"].tolist() == [3.0, 1.0]
    assert "probability" not in table


def test_replicates_are_averaged() -> None:
    outputs = {0: np.array([[0.9, 0.1]]), 2: np.array([[0.2, 0.8]])}
    items = errors.average_replicates(
        Predictions("accuracy", np.array(["x"]), np.zeros(1), outputs, ["a", "b"])
    )
    np.testing.assert_allclose(items.outputs, [[0.55, 0.45]])


def scored(init: str, dev: float, **changes: object) -> dict[str, object]:
    return {**ARM.columns, "init": init, "split": "dev", "headline": True, "value": dev,
            "replicate": 0, "diverged_at": None, **changes}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([scored("pretrained", 0.7), scored("scratch", 0.8)], "scratch"),
        ([scored("pretrained", 0.7), scored("none", 0.9, model="ngram")], "pretrained"),
        ([scored("none", 0.9, model="ngram")], "none"),
        ([scored("pretrained", 0.7), scored("scratch", 0.8, diverged_at=3)], "pretrained"),
        ([scored("pretrained", 0.7), scored("scratch", 0.9, split="test")], "pretrained"),
        ([scored("pretrained", 0.7, diverged_at=3)], None),
    ],
)
def test_the_best_arm_is_a_trained_one_chosen_on_dev(
    rows: list[dict[str, object]], best: str | None
) -> None:
    chosen = best_on_dev(pd.DataFrame(rows, columns=SCORE_SCHEMA.names))
    assert (chosen.init if chosen else None) == best


def test_values_come_with_their_task_and_arm_and_classes_are_left_out(tmp_path: Path) -> None:
    results, scores = ResultPaths(tmp_path), []
    for task, kind in (("odd", "regression"), ("even", "classification")):
        condition = Condition(task, *list(ARM.columns.values())[1:])
        labels = ["0.5", "1.5"] if kind == "classification" else []
        rows = [
            {"replicate": replicate, "split": split, "id": item, "item": item,
             "label": str(value) if labels else value,
             "logits": [value + replicate] * max(1, len(labels))}
            for replicate in range(2)
            for split in ("dev", "test")
            for item, value in (("x", 0.5), ("y", 1.5))
        ]  # fmt: skip
        metric = "mcc" if labels else "spearman"
        path = write_predictions(
            rows, results.predictions(condition), kind, labels=labels, domain="dna", metric=metric,
            train_majority=0, learning_rate=1e-4, crossed={}, diverged={}, **condition.columns,
        )  # fmt: skip
        scored_table = score_condition(path, metric)
        write_table(scored_table, results.scores(task), SCORE_SCHEMA, {})
        scores.append(results.scores(task))
    table = errors.predicted_values(scores, results)
    assert table[["task", "arm", "item", "true"]].to_numpy().tolist() == [
        ["odd", "pretrained", "x", 0.5], ["odd", "pretrained", "y", 1.5],
    ]  # fmt: skip
    np.testing.assert_allclose(table["predicted"], [1.0, 2.0])
