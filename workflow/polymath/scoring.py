"""Scores of predictions: pure functions on arrays and tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.errors import PolymathError

Floats = NDArray[np.float64]

# SciPy and scikit-learn take half a second each to import, so each is imported by the metric
# that needs it: a process that trains has usually one.


def _accuracy(targets: Floats, classes: Floats) -> float:
    return float(np.mean(targets == classes))


def _macro_f1(targets: Floats, classes: Floats) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(targets, classes, average="macro", zero_division=0))


def _f1(targets: Floats, classes: Floats) -> float:
    """Of the second of two classes, as GLUE scores MRPC and QQP."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, classes, pos_label=1, zero_division=0))


def _mcc(targets: Floats, classes: Floats) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(targets, classes))


def _spearman(targets: Floats, values: Floats) -> float:
    if np.ptp(targets) == 0 or np.ptp(values) == 0:
        return 0.0  # a constant ranks nothing; SciPy would say NaN
    from scipy import stats

    return float(stats.spearmanr(targets, values).statistic)


def _pearson(targets: Floats, values: Floats) -> float:
    if np.ptp(targets) == 0 or np.ptp(values) == 0:
        return 0.0  # a constant goes with nothing; SciPy would say NaN
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


def vote(items: NDArray[np.str_], logits: Floats, task_type: str) -> tuple[list[str], Floats]:
    """Join the windows of each item: mean class probabilities, or mean value.

    Args:
        items: (n,) the item that each row belongs to.
        logits: (n, classes), or (n, 1) for regression.

    Returns:
        The items in order of first appearance, and (items, classes) probabilities or
        (items, 1) values.
    """
    outputs = _softmax(logits) if task_type == "classification" else logits
    numbers, names = pd.factorize(items)
    sums = np.zeros((len(names), logits.shape[1]))
    np.add.at(sums, numbers, outputs)
    return list(names), sums / np.bincount(numbers)[:, None]


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def score_items(
    items: NDArray[np.str_], targets: Floats, logits: Floats, task_type: str, metric: str
) -> float:
    """Return one metric over items, after their windows have voted.

    Args:
        items: (n,) item of each row.
        targets: (n,) class number or value of each row.
        logits: (n, classes) or (n, 1).
    """
    _, outputs = vote(items, logits, task_type)
    first = np.unique(pd.factorize(items)[0], return_index=True)[1]
    return METRICS[metric](targets[first], choose_answers(outputs, task_type))


def choose_answers(outputs: Floats, task_type: str) -> Floats:
    """Return the most probable class of each item, (items,), or its value."""
    return outputs.argmax(axis=1) if task_type == "classification" else outputs[:, 0]


def chance_score(majority: int, targets: Floats, task_type: str, metric: str) -> float:
    """Return the score of always answering the most common training class (or a constant)."""
    if task_type == "regression":
        return 0.0
    return METRICS[metric](targets, np.full(len(targets), majority))
