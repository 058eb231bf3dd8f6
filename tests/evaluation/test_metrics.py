"""Metrics against the libraries called directly and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from polymath.evaluation.metrics import METRICS, chance_score, metrics_for, require_fit
from polymath.util.errors import PolymathError

Floats = NDArray[np.float64]


def draw_classes(seed: int, count: int = 60) -> tuple[Floats, Floats]:
    """Return true and answered classes of three, the answers better than chance."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 3, count)
    answers = np.where(generator.random(count) < 0.5, targets, generator.integers(0, 3, count))
    return targets.astype(float), answers.astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_classification_metrics_agree_with_their_definitions(seed: int) -> None:
    targets, answers = draw_classes(seed)
    assert METRICS["accuracy"](targets, answers) == pytest.approx(np.mean(targets == answers))
    assert METRICS["mcc"](targets, answers) == pytest.approx(sk.matthews_corrcoef(targets, answers))
    by_class = []
    for label in range(3):
        hits = np.sum((targets == label) & (answers == label))
        by_class.append(2 * hits / (np.sum(targets == label) + np.sum(answers == label)))
    assert METRICS["macro_f1"](targets, answers) == pytest.approx(np.mean(by_class))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=200))
def test_classification_metrics_are_those_of_scikit_learn_to_the_bit(
    pairs: list[tuple[int, int]],
) -> None:
    targets, answers = np.array(pairs, dtype=float).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a single class
        macro = sk.f1_score(targets, answers, average="macro", zero_division=0)
        second = sk.f1_score(targets == 1, answers == 1, zero_division=0)
        assert METRICS["mcc"](targets, answers) == sk.matthews_corrcoef(targets, answers)
    assert METRICS["macro_f1"](targets, answers) == macro
    assert METRICS["f1"](targets, answers) == second


def test_mcc_of_two_classes_agrees_with_the_textbook() -> None:
    targets = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=float)
    answers = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], dtype=float)
    hits, misses, alarms, rests = 3, 1, 2, 4
    bottom = (hits + alarms) * (hits + misses) * (rests + alarms) * (rests + misses)
    expected = (hits * rests - alarms * misses) / bottom**0.5
    assert METRICS["mcc"](targets, answers) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_the_correlation_of_ranks(seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 9, 40).astype(float)  # with ties
    values = targets + generator.normal(0, 3, 40)
    ranks = [stats.rankdata(one) for one in (targets, values)]
    assert METRICS["spearman"](targets, values) == pytest.approx(np.corrcoef(*ranks)[0, 1])


@pytest.mark.parametrize("constant", ["targets", "values"])
def test_a_constant_has_spearman_zero(constant: str) -> None:
    rising, flat = np.arange(5.0), np.full(5, 2.5)
    pair = (flat, rising) if constant == "targets" else (rising, flat)
    assert METRICS["spearman"](*pair) == 0.0


def test_f1_is_of_the_second_class() -> None:
    targets = np.array([1, 1, 1, 0, 0, 0], dtype=float)
    answers = np.array([1, 1, 0, 1, 0, 0], dtype=float)
    assert METRICS["f1"](targets, answers) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert METRICS["f1"](targets, np.zeros(6)) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_pearson_is_the_correlation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets, values = generator.normal(size=(2, 30))
    assert METRICS["pearson"](targets, values) == pytest.approx(np.corrcoef(targets, values)[0, 1])
    assert METRICS["pearson"](targets, np.ones(30)) == 0.0


def test_each_task_type_has_its_metrics() -> None:
    assert metrics_for("classification", 3) == ["accuracy", "macro_f1", "mcc"]
    assert metrics_for("classification", 2) == ["accuracy", "f1", "macro_f1", "mcc"]
    assert metrics_for("regression", 0) == ["spearman", "pearson"]


def test_chance_is_the_score_of_the_commonest_training_class() -> None:
    targets = np.array([0, 1, 1, 2], dtype=float)
    assert chance_score(1, targets, "classification", "accuracy") == 0.5
    assert chance_score(2, targets, "classification", "accuracy") == 0.25
    assert chance_score(1, targets, "classification", "macro_f1") == pytest.approx((4 / 6) / 3)
    assert chance_score(1, targets, "classification", "mcc") == 0.0
    assert chance_score(0, targets, "regression", "spearman") == 0.0


def test_f1_of_more_than_two_classes_is_refused() -> None:
    with pytest.raises(PolymathError, match="odd: metric f1 is for two classes, the task has 3"):
        require_fit("odd", "f1", 3)
    require_fit("odd", "f1", 2)
    require_fit("odd", "macro_f1", 3)
