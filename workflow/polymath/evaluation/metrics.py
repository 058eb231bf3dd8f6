"""Metrics of predicted classes or values: pure functions on arrays."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polymath.util.errors import PolymathError

Floats = NDArray[np.float64]

# Outputs come in float32, whose rounding is 6e-8 of a value; a network's sums have a few of them.
ROUNDING = 1e-6

# SciPy takes half a second to import: only the metrics that need it import it.


def _accuracy(targets: Floats, classes: Floats) -> float:
    return float(np.mean(targets == classes))


def _count_classes(targets: Floats, classes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return how often each class that occurs is right, true and predicted."""
    occurring, numbers = np.unique(np.concatenate([targets, classes]), return_inverse=True)
    true, predicted = np.split(numbers, 2)
    hits, of_true, of_predicted = (
        np.bincount(chosen, minlength=len(occurring)).astype(float)
        for chosen in (true[true == predicted], true, predicted)
    )
    return hits, of_true, of_predicted


def _macro_f1(targets: Floats, classes: Floats) -> float:
    """Mean of F1 over the classes that are true or predicted at least once."""
    hits, true, predicted = _count_classes(targets, classes)
    return float(np.mean(2 * hits / (true + predicted)))


def _f1(targets: Floats, classes: Floats) -> float:
    """Of the second of two classes, as GLUE scores MRPC and QQP; 0 if it never occurs."""
    true, predicted = targets == 1, classes == 1
    either = true.sum() + predicted.sum()
    return float(2 * (true & predicted).sum() / either) if either else 0.0


def _mcc(targets: Floats, classes: Floats) -> float:
    """Matthews correlation of any number of classes; 0 if one side is constant.

    Source: J. Gorodkin, Comparing two K-category assignments by a K-category correlation
    coefficient, Comput. Biol. Chem. 28, 2004.
    """
    hits, true, predicted = _count_classes(targets, classes)
    square = float(len(targets)) ** 2
    covariance = hits.sum() * len(targets) - true @ predicted
    variances = (square - predicted @ predicted) * (square - true @ true)
    return float(covariance / np.sqrt(variances)) if variances else 0.0


def is_constant(targets: Floats, values: Floats) -> bool:
    """Return whether a correlation is 0 because one side is constant, but for rounding.

    A model that answers the same value for every item gives values that differ by float32's
    rounding, relative to their size or to the spread of the targets: their ranks are noise.
    """
    spread = np.ptp(targets)
    return bool(spread == 0 or np.ptp(values) <= ROUNDING * max(spread, np.max(np.abs(values))))


def _spearman(targets: Floats, values: Floats) -> float:
    if is_constant(targets, values):
        return 0.0  # SciPy returns NaN for a constant
    from scipy import stats

    return float(stats.spearmanr(targets, values).statistic)


def _pearson(targets: Floats, values: Floats) -> float:
    if is_constant(targets, values):
        return 0.0  # SciPy returns NaN for a constant
    from scipy import stats

    return float(stats.pearsonr(targets, values).statistic)


CLASSIFICATION: dict[str, Callable[[Floats, Floats], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "mcc": _mcc,
}
REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {
    "spearman": _spearman,
    "pearson": _pearson,
}
METRICS = {**CLASSIFICATION, **REGRESSION}


def metrics_for(task_type: str, classes: int) -> list[str]:
    """Return the names of the metrics that fit a task type; f1 is for two classes."""
    if task_type == "regression":
        return list(REGRESSION)
    return [name for name in CLASSIFICATION if name != "f1" or classes == 2]


def require_fit(task: str, metric: str, classes: int) -> None:
    """Raise PolymathError if a task has more classes than its metric is for."""
    if metric == "f1" and classes != 2:
        raise PolymathError(
            f"{task}: metric f1 is for two classes, the task has {classes}: use macro_f1"
        )


def chance_score(majority: int, targets: Floats, task_type: str, metric: str) -> float:
    """Return the score of always predicting the most common training class (or a constant)."""
    if task_type == "regression":
        return 0.0
    return METRICS[metric](targets, np.full(len(targets), majority))
