"""Metrics against the libraries called directly and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from polymath.evaluation.arrays import Floats
from polymath.evaluation.metrics import (
    METRICS,
    chance_score,
    choose_headline,
    choose_positive,
    limits_of,
    metrics_for,
    require_defined,
    require_fit,
    score,
)
from polymath.util.errors import PolymathError


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=200))
def test_classification_metrics_are_those_of_scikit_learn_to_the_bit(
    pairs: list[tuple[int, int]],
) -> None:
    targets, answers = np.array(pairs, dtype=float).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a single class
        macro = sk.f1_score(targets, answers, average="macro", zero_division=0)
        second = sk.f1_score(targets == 1, answers == 1, zero_division=0)
        balanced = sk.balanced_accuracy_score(targets, answers)
        assert METRICS["mcc"](targets, answers) == sk.matthews_corrcoef(targets, answers)
    assert METRICS["accuracy"](targets, answers) == sk.accuracy_score(targets, answers)
    assert METRICS["balanced_accuracy"](targets, answers) == balanced
    assert METRICS["macro_f1"](targets, answers) == macro
    assert METRICS["f1"](targets, answers) == second


@pytest.mark.parametrize("seed", range(3))
def test_metrics_of_values_are_those_of_the_libraries(seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 9, 40).astype(float)  # with ties
    values = targets + generator.normal(0, 3, 40)
    ranks = [stats.rankdata(one) for one in (targets, values)]
    expected = {
        "spearman": np.corrcoef(*ranks)[0, 1],
        "pearson": np.corrcoef(targets, values)[0, 1],
        "r2": sk.r2_score(targets, values),
        "rmse": sk.root_mean_squared_error(targets, values),
    }
    assert {name: METRICS[name](targets, values) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
def test_a_constant_correlates_with_nothing_and_has_no_spread_to_explain(metric: str) -> None:
    rising, flat = np.arange(5.0), np.full(5, 2.5)
    assert METRICS[metric](flat, rising) == METRICS[metric](rising, flat) == 0.0
    assert np.isnan(METRICS["r2"](flat, rising))


def test_each_task_type_has_its_metrics() -> None:
    common = {"accuracy", "balanced_accuracy", "macro_f1", "mcc", "roc_auc", "average_precision"}
    assert set(metrics_for("classification", 3)) == common
    assert set(metrics_for("classification", 2)) == common | {"f1"}
    assert set(metrics_for("regression", 0)) == {"spearman", "pearson", "r2", "rmse"}


def test_chance_is_the_score_of_the_commonest_training_class() -> None:
    targets = np.array([0, 1, 1, 2], dtype=float)
    assert chance_score(1, targets, "classification", "accuracy", 3) == 0.5
    assert chance_score(2, targets, "classification", "accuracy", 3) == 0.25
    assert chance_score(1, targets, "classification", "macro_f1", 3) == pytest.approx((4 / 6) / 3)
    assert chance_score(1, targets, "classification", "mcc", 3) == 0.0
    assert chance_score(1, targets, "classification", "roc_auc", 3) == 0.5
    assert chance_score(0, targets, "regression", "spearman", 0) == 0.0
    assert chance_score(0, targets, "regression", "r2", 0) == 0.0
    assert chance_score(0, targets, "regression", "rmse", 0) == pytest.approx(np.std(targets))
    pair = np.array([0, 0, 0, 1], dtype=float)
    assert chance_score(0, pair, "classification", "average_precision", 2) == 0.25
    assert chance_score(0, pair, "classification", "average_precision", 2, positive=0) == 0.75


def test_f1_of_more_than_two_classes_is_refused() -> None:
    with pytest.raises(PolymathError, match="odd: metric f1 is for two classes, the task has 3"):
        require_fit("odd", "f1", 3)
    require_fit("odd", "f1", 2)
    require_fit("odd", "macro_f1", 3)


def draw_outputs(seed: int, classes: int, count: int = 80) -> tuple[Floats, Floats]:
    """Return classes and probabilities with ties, better than chance."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, classes, count)
    logits = generator.integers(0, 5, (count, classes)) + 1.5 * np.eye(classes)[targets]
    powers = np.exp(logits)
    return targets.astype(float), powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_rankings_of_two_classes_are_those_of_scikit_learn(seed: int) -> None:
    targets, outputs = draw_outputs(seed, 2)
    for positive in (0, 1):
        truth, values = targets == positive, outputs[:, positive]
        assert score("roc_auc", targets, outputs, positive) == pytest.approx(
            sk.roc_auc_score(truth, values)
        )
        assert score("average_precision", targets, outputs, positive) == pytest.approx(
            sk.average_precision_score(truth, values)
        )
        f1 = sk.f1_score(truth, outputs.argmax(axis=1) == positive)
        assert score("f1", targets, outputs, positive) == f1


@pytest.mark.parametrize("seed", range(3))
def test_rankings_of_several_classes_are_the_mean_of_one_against_the_rest(seed: int) -> None:
    targets, outputs = draw_outputs(seed, 4)
    assert score("roc_auc", targets, outputs) == pytest.approx(
        sk.roc_auc_score(targets, outputs, multi_class="ovr", average="macro")
    )
    assert score("average_precision", targets, outputs) == pytest.approx(
        sk.average_precision_score(np.eye(4)[targets.astype(int)], outputs, average="macro")
    )


def test_rankings_leave_out_classes_that_test_lacks_and_are_missing_for_a_single_one() -> None:
    targets, outputs = draw_outputs(0, 3)
    there = targets < 2
    targets, outputs = targets[there], outputs[there]
    expected = np.mean([sk.roc_auc_score(targets == each, outputs[:, each]) for each in (0, 1)])
    assert score("roc_auc", targets, outputs) == pytest.approx(expected)
    for metric in ("roc_auc", "average_precision"):
        assert np.isnan(score(metric, np.ones(5), np.eye(2)[[0, 1, 1, 0, 1]]))


def test_outputs_that_differ_by_rounding_alone_rank_nothing() -> None:
    targets = np.array([0, 1] * 30, dtype=float)
    noise = 1e-8 * np.random.default_rng(0).normal(size=60)
    outputs = np.stack([0.5 - noise, 0.5 + noise], axis=1)
    assert score("roc_auc", targets, outputs) == 0.5


def test_macro_f1_is_the_default_where_a_class_dominates() -> None:
    assert choose_headline("default", np.array([80, 20])) == "accuracy"
    assert choose_headline("default", np.array([81, 19])) == "macro_f1"
    assert choose_headline("accuracy", np.array([99, 1])) == "accuracy"
    assert choose_headline("spearman", np.zeros(0, dtype=int)) == "spearman"


def test_the_rarer_of_two_classes_is_the_positive_one_unless_another_is_named() -> None:
    assert choose_positive(False, np.array([5, 9])) == 0
    assert choose_positive(False, np.array([9, 5])) == 1
    assert choose_positive(True, np.array([5, 9])) == 1
    assert choose_positive(False, np.array([5, 9, 1])) == 1


def test_a_headline_that_one_class_leaves_undefined_is_refused_with_the_split() -> None:
    with pytest.raises(PolymathError, match=r"odd: dev .* roc_auc"):
        require_defined("odd", "roc_auc", "dev", np.ones(4))
    with pytest.raises(PolymathError, match=r"odd: test .* r2"):
        require_defined("odd", "r2", "test", np.ones(4))
    require_defined("odd", "accuracy", "dev", np.ones(4))


@pytest.mark.parametrize(
    "metric", [*metrics_for("classification", 2), *metrics_for("regression", 0)]
)
def test_no_score_is_beyond_its_metrics_limits(metric: str) -> None:
    worst, best = limits_of(metric)
    targets, outputs = draw_outputs(1, 2)
    if metric in metrics_for("regression", 0):
        outputs = outputs[:, :1]
    right = np.eye(2)[targets.astype(int)] if outputs.shape[1] == 2 else targets[:, None]
    for each in (outputs, right, 1 - right):
        assert worst <= score(metric, targets, each) <= best
