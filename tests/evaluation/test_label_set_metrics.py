"""Metrics of sets of labels are scikit-learn's, and on resampled items those of the drawn rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from polymath.evaluation.arrays import Floats
from polymath.evaluation.metrics import chance_score, metrics_for, require_defined, score
from polymath.evaluation.predictions import joined_predictions, vote
from polymath.util.errors import PolymathError
from support.evidence import require_drawn_scores

METRICS = metrics_for("multi-label", 3)


def some_outputs(seed: int, items: int = 30) -> tuple[Floats, Floats]:
    """Targets and probabilities of four labels, the last of which no item has."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((items, 4)) < (0.6, 0.3, 0.1, 0)).astype(float)
    outputs = np.round(0.6 * generator.random((items, 4)) + 0.4 * targets, 2)
    return targets, outputs


@given(seed=st.integers(0, 999))
def test_metrics_are_those_of_scikit_learn(seed: int) -> None:
    targets, outputs = some_outputs(seed)
    predicted = outputs > 0.5
    occurring = (targets + predicted).any(axis=0)
    both = np.ptp(targets, axis=0) > 0
    expected = {
        "micro_f1": f1_score(targets, predicted, average="micro", zero_division=0),
        "macro_f1": f1_score(
            targets[:, occurring], predicted[:, occurring], average="macro", zero_division=0
        ),
        "subset_accuracy": accuracy_score(targets, predicted),
        "roc_auc": roc_auc_score(targets[:, both], outputs[:, both]),
        "average_precision": average_precision_score(targets[:, both], outputs[:, both]),
    }
    assert expected.keys() == set(METRICS)
    for metric, value in expected.items():
        assert score(metric, targets, outputs) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 99))
def test_resampled_scores_are_those_of_the_drawn_rows(metric: str, seed: int) -> None:
    targets, outputs = some_outputs(seed, items=9)
    require_drawn_scores(metric, targets, outputs)


def test_without_a_true_or_predicted_label_f1_is_zero() -> None:
    nothing = np.zeros((5, 3))
    assert score("micro_f1", nothing, nothing) == score("macro_f1", nothing, nothing) == 0
    assert score("subset_accuracy", nothing, nothing) == 1
    assert np.isnan(score("roc_auc", nothing, nothing))
    with pytest.raises(PolymathError, match="test has a single"):
        require_defined("own", "roc_auc", "test", nothing)
    require_defined("own", "roc_auc", "test", np.eye(3))


def test_chance_is_that_of_the_common_labels_and_of_equal_ranks() -> None:
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0.0]])

    def chance(metric: str, majority: list[int]) -> float:
        return chance_score(majority, targets, "multi-label", metric, 3)

    assert chance("micro_f1", [0]) == pytest.approx(2 * 3 / (4 + 5))
    assert chance("subset_accuracy", [0]) == 0.5
    assert chance("micro_f1", []) == 0
    assert chance("roc_auc", []) == 0.5
    assert chance("average_precision", [0]) == pytest.approx(np.mean([3 / 4, 1 / 4, 1 / 4]))


def test_windows_vote_by_the_mean_probability_of_each_label() -> None:
    logits = np.array([[0.0, 800], [2, -800], [-1, 1]])
    names, outputs = vote(np.array(["x", "x", "y"]), logits, "multi-label")
    assert names == ["x", "y"]
    np.testing.assert_allclose(outputs, [[(0.5 + 0.880797) / 2, 0.5], [0.268941, 0.731059]],
                               atol=1e-6)  # fmt: skip


def test_predictions_are_read_as_sets() -> None:
    table = pd.DataFrame(
        {
            "replicate": 0, "split": "test", "id": ["x#0", "x#1", "y"], "item": ["x", "x", "y"],
            "label": ["a;c", "a;c", ""], "logits": [[3.0, -3, 3], [3, -3, -4], [-1, 1, -1]],
        }
    )  # fmt: skip
    metadata = {"type": "multi-label", "labels": ["a", "b", "c"], "label_separator": ";"}
    [(_, _, items)] = joined_predictions(table, metadata)
    np.testing.assert_array_equal(items.targets, [[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(items.predicted, [[1, 0, 0], [0, 1, 0]])
