"""Scores on resampled items: the metrics of the drawn rows, all at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polymath.evaluation.arrays import Floats
from polymath.evaluation.item_bootstrap import RESAMPLES, item_weights, resample_score
from polymath.evaluation.metrics import CLASSIFICATION, METRICS, REGRESSION, predict
from polymath.evaluation.predictions import (
    Predictions,
    read_groups,
    read_test_predictions,
    score_items,
)
from polymath.evaluation.ranking import RANKING
from polymath.util.errors import PolymathError
from polymath.util.storage import write_table
from support.evidence import GROUPS_SCHEMA, require_drawn_scores, write_predictions

classes = arrays(float, 9, elements=st.integers(0, 2).map(float))
values = arrays(float, 9, elements=st.integers(-3, 3).map(float))


def one_hot(predicted: Floats, count: int = 3) -> Floats:
    """Return sure probabilities of the predicted classes."""
    return np.eye(count)[predicted.astype(int)]


@pytest.mark.parametrize("metric", [*CLASSIFICATION])
@given(targets=classes, predicted=classes)
def test_classification(metric: str, targets: Floats, predicted: Floats) -> None:
    if metric == "f1":
        targets, predicted = targets.clip(max=1), predicted.clip(max=1)
        targets[0] = 1  # both classes are there
    require_drawn_scores(metric, targets, one_hot(predicted))


@pytest.mark.parametrize("metric", [*RANKING])
@pytest.mark.parametrize("count", [2, 3])
@given(targets=classes, seed=st.integers(0, 99))
def test_rankings(metric: str, count: int, targets: Floats, seed: int) -> None:
    """With ties, and classes that a resample lacks."""
    targets = targets.clip(max=count - 1)
    outputs = np.random.default_rng(seed).integers(0, 4, (9, count)) / 4
    require_drawn_scores(metric, targets, outputs)


@pytest.mark.parametrize("metric", [*REGRESSION])
@settings(deadline=None)  # the first call imports SciPy
@given(targets=values, predicted=values)
def test_regression(metric: str, targets: Floats, predicted: Floats) -> None:
    require_drawn_scores(metric, targets, predicted[:, None], tolerance=1e-7)


def test_every_resample_is_as_large_as_the_test_set_and_always_the_same() -> None:
    names = [f"item {number}" for number in range(40)]
    weights = item_weights(names)
    assert weights.shape == (RESAMPLES, 40)
    assert (weights.sum(axis=1) == 40).all()
    np.testing.assert_array_equal(weights, item_weights([*reversed(names)]))


def test_items_of_one_group_are_drawn_together() -> None:
    weights = item_weights(["a", "b", "a", "c", "c"])
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 3], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_f1_of_a_single_class_is_that_of_the_whole_test_set(value: float) -> None:
    targets = np.full(6, value)
    resampled = resample_score(targets, one_hot(targets), item_weights(list("abcdef")), "f1")
    assert (resampled == METRICS["f1"](targets, targets)).all()


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
@pytest.mark.parametrize("constant", [0.0, 0.5, 3e4])
def test_outputs_that_are_constant_but_for_rounding_correlate_with_nothing(
    metric: str, constant: float
) -> None:
    generator = np.random.default_rng(0)
    targets = generator.normal(size=30)
    predicted = constant + 1e-9 * generator.normal(size=30)
    assert METRICS[metric](targets, predicted) == 0
    weights = item_weights([str(number) for number in range(30)])
    assert (resample_score(targets, predicted[:, None], weights, metric) == 0).all()


@pytest.mark.parametrize("size", [1, 8])
def test_the_spread_of_accuracy_is_binomial_in_groups(size: int) -> None:
    """Pieces of one work, right or wrong together, tell as much as one piece."""
    groups = np.arange(400) // size
    right = (groups % 5 > 0).astype(float)  # 80 % of the groups
    weights = item_weights([*groups.astype(str)])
    resampled = resample_score(np.ones(400), one_hot(right), weights, "accuracy")
    error = np.sqrt(0.8 * 0.2 / (400 / size))
    assert resampled.mean() == pytest.approx(0.8, abs=error * 0.15)
    assert resampled.std() == pytest.approx(error, rel=0.1)


def predicted_by(
    path: Path, order: Sequence[int] = range(5), task_type: str = "classification"
) -> Predictions:
    """Return four test items, one of two windows, by two replicates; rows in the order given."""
    items = [("b", "yes", [0.0, 2.0]), ("a", "no", [0.0, 1.0]), ("a", "no", [3.0, 0.0]),
             ("d", "yes", [1.0, 0.0]), ("c", "no", [1.0, 0.0])]  # fmt: skip
    of_classes = task_type == "classification"
    rows = [
        {"replicate": replicate, "split": split, "id": f"{item}{number}", "item": item,
         "label": label if of_classes else logits[1],
         "logits": logits if of_classes else [logits[0] + replicate]}
        for replicate in (0, 2)
        for split in ("dev", "test")
        for number, (item, label, logits) in enumerate(items[place] for place in order)
    ]  # fmt: skip
    return read_test_predictions(write_predictions(rows, path, task_type))


def test_items_come_by_name_whatever_the_order_of_rows_and_windows_vote(tmp_path: Path) -> None:
    first = predicted_by(tmp_path / "a.parquet")
    other = predicted_by(tmp_path / "b.parquet", [4, 2, 0, 3, 1])
    assert first.targets.tolist() == [0, 1, 0, 1]
    assert predict(first.by_replicate[2]).tolist() == [0, 1, 0, 0]
    assert set(first.by_replicate) == {0, 2}
    np.testing.assert_array_equal(first.targets, other.targets)
    np.testing.assert_array_equal(first.by_replicate[0], other.by_replicate[0])


def test_regression_predicted_are_the_items_mean_values(tmp_path: Path) -> None:
    predicted = predicted_by(tmp_path / "a.parquet", task_type="regression")
    assert predict(predicted.by_replicate[2]).tolist() == [3.5, 2, 3, 3]
    assert predicted.targets.tolist() == [1, 2, 0, 0]


def test_the_score_without_resampling_is_that_of_evaluation(tmp_path: Path) -> None:
    predicted = predicted_by(tmp_path / "a.parquet")
    whole = resample_score(
        predicted.targets, predicted.by_replicate[0], np.ones((1, 4)), "accuracy"
    )
    items = np.array(["b", "a", "a", "d", "c"])
    logits = np.array([[0, 2.0], [0, 1], [3, 0], [1, 0], [1, 0]])
    targets = np.array([1.0, 0, 0, 1, 0])
    assert whole[0] == score_items(items, targets, logits, "classification", "accuracy") == 0.75


def test_replicates_are_resampled_by_the_groups_that_the_records_name(tmp_path: Path) -> None:
    predicted = predicted_by(tmp_path / "a.parquet")
    records = pd.DataFrame(
        {"id": ["d", "c", "b", "a", "unused"], "group": ["1", "2", "1", "3", "4"]}
    )
    write_table(records, tmp_path / "records.parquet", GROUPS_SCHEMA, {})
    resampled = predicted.resample(read_groups(tmp_path / "records.parquet"), "yes")
    assert resampled.groups == 3
    weights = item_weights(["3", "1", "2", "1"])
    for metric, found in (("accuracy", resampled.by_replicate), ("roc_auc", resampled.auc)):
        np.testing.assert_array_equal(
            found[2],
            resample_score(predicted.targets, predicted.by_replicate[2], weights, metric),
        )


def test_records_that_are_gone_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"amp\.parquet.*--forcerun prepare_records"):
        read_groups(tmp_path / "amp.parquet")
