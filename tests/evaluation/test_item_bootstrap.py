"""Scores on resampled items: the metrics of the drawn rows, all at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from polymath.evaluation.item_bootstrap import RESAMPLES, item_weights, resample_score
from polymath.evaluation.metrics import CLASSIFICATION, METRICS, REGRESSION
from polymath.evaluation.predictions import read_test_predictions, score_items
from polymath.evaluation.tables import prediction_schema
from polymath.util.storage import write_table

Floats = NDArray[np.float64]
classes = arrays(float, 9, elements=st.integers(0, 2).map(float))
values = arrays(float, 9, elements=st.integers(-3, 3).map(float))


def by_drawing(targets: Floats, predicted: Floats, weights: Floats, metric: str) -> list[float]:
    rows = [np.repeat(np.arange(len(targets)), one.astype(int)) for one in weights]
    return [METRICS[metric](targets[drawn], predicted[drawn]) for drawn in rows]


@pytest.mark.parametrize("metric", [*CLASSIFICATION])
@given(targets=classes, predicted=classes)
def test_classification(metric: str, targets: Floats, predicted: Floats) -> None:
    if metric == "f1":
        targets, predicted = targets.clip(max=1), predicted.clip(max=1)
        targets[0] = 1  # both classes are there
    weights = item_weights(9)[:25]
    found = resample_score(targets, predicted, weights, metric)
    np.testing.assert_allclose(found, by_drawing(targets, predicted, weights, metric), atol=1e-12)


@pytest.mark.parametrize("metric", [*REGRESSION])
@settings(deadline=None)  # the first call imports SciPy
@given(targets=values, predicted=values)
def test_regression(metric: str, targets: Floats, predicted: Floats) -> None:
    weights = item_weights(9)[:25]
    found = resample_score(targets, predicted, weights, metric)
    np.testing.assert_allclose(found, by_drawing(targets, predicted, weights, metric), atol=1e-7)


def test_every_resample_is_as_large_as_the_test_set_and_always_the_same() -> None:
    weights = item_weights(40)
    assert weights.shape == (RESAMPLES, 40)
    assert (weights.sum(axis=1) == 40).all()
    item_weights.cache_clear()
    np.testing.assert_array_equal(weights, item_weights(40))


def test_the_spread_of_accuracy_is_binomial() -> None:
    targets, predicted = np.ones(400), (np.arange(400) < 320).astype(float)
    resampled = resample_score(targets, predicted, item_weights(400), "accuracy")
    assert resampled.mean() == pytest.approx(0.8, abs=0.003)
    assert resampled.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 400), rel=0.1)


def write_predictions(path: Path, order: list[int], task_type: str = "classification") -> Path:
    """Four test items, one of two windows, by two replicates; rows in the order given."""
    rows = [("b", "yes", [0.0, 2.0]), ("a", "no", [0.0, 1.0]), ("a", "no", [3.0, 0.0]),
            ("d", "yes", [1.0, 0.0]), ("c", "no", [1.0, 0.0])]  # fmt: skip
    table = pd.DataFrame(
        [
            {"replicate": replicate, "split": split, "id": f"{item}{number}", "item": item,
             "label": label if task_type == "classification" else logits[1],
             "logits": logits if task_type == "classification" else [logits[0] + replicate]}
            for replicate in (0, 2)
            for split in ("dev", "test")
            for number, (item, label, logits) in enumerate([rows[place] for place in order])
        ]
    )  # fmt: skip
    labels = ["no", "yes"] if task_type == "classification" else []
    metric = "accuracy" if task_type == "classification" else "pearson"
    metadata = {"type": task_type, "labels": labels, "metric": metric}
    write_table(table, path, prediction_schema(task_type), metadata)
    return path


def test_items_come_by_name_whatever_the_order_of_rows_and_windows_vote(tmp_path: Path) -> None:
    first = read_test_predictions(write_predictions(tmp_path / "a.parquet", [0, 1, 2, 3, 4]))
    other = read_test_predictions(write_predictions(tmp_path / "b.parquet", [4, 2, 0, 3, 1]))
    assert first.targets.tolist() == [0, 1, 0, 1]
    assert first.by_replicate[2].tolist() == [0, 1, 0, 0]
    assert set(first.by_replicate) == {0, 2}
    np.testing.assert_array_equal(first.targets, other.targets)
    np.testing.assert_array_equal(first.by_replicate[0], other.by_replicate[0])


def test_regression_predicted_are_the_items_mean_values(tmp_path: Path) -> None:
    path = write_predictions(tmp_path / "a.parquet", [0, 1, 2, 3, 4], "regression")
    predicted = read_test_predictions(path)
    assert predicted.by_replicate[2].tolist() == [3.5, 2, 3, 3]
    assert predicted.targets.tolist() == [1, 2, 0, 0]


def test_the_score_without_resampling_is_that_of_evaluation(tmp_path: Path) -> None:
    predicted = read_test_predictions(write_predictions(tmp_path / "a.parquet", [0, 1, 2, 3, 4]))
    whole = resample_score(
        predicted.targets, predicted.by_replicate[0], np.ones((1, 4)), "accuracy"
    )
    items = np.array(["b", "a", "a", "d", "c"])
    logits = np.array([[0, 2.0], [0, 1], [3, 0], [1, 0], [1, 0]])
    targets = np.array([1.0, 0, 0, 1, 0])
    assert whole[0] == score_items(items, targets, logits, "classification", "accuracy") == 0.75
