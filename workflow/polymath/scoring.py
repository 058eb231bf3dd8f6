"""Scores of predictions: pure functions on arrays and tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import softmax
from sklearn import metrics as sk

Floats = NDArray[np.float64]


def _spearman(targets: Floats, values: Floats) -> float:
    if np.ptp(targets) == 0 or np.ptp(values) == 0:
        return 0.0  # a constant ranks nothing; SciPy would say NaN
    return float(stats.spearmanr(targets, values).statistic)


CLASSIFICATION: dict[str, Callable[[Floats, Floats], float]] = {
    "accuracy": lambda targets, classes: float(sk.accuracy_score(targets, classes)),
    "macro_f1": lambda targets, classes: float(
        sk.f1_score(targets, classes, average="macro", zero_division=0)
    ),
    "mcc": lambda targets, classes: float(sk.matthews_corrcoef(targets, classes)),
}
REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {"spearman": _spearman}
METRICS = {**CLASSIFICATION, **REGRESSION}


def metrics_for(task_type: str) -> list[str]:
    """Return the names of the metrics that fit a task type."""
    return list(CLASSIFICATION if task_type == "classification" else REGRESSION)


def vote(items: NDArray[np.str_], logits: Floats, task_type: str) -> tuple[list[str], Floats]:
    """Join the windows of each item: mean class probabilities, or mean value.

    Args:
        items: (n,) the item that each row belongs to.
        logits: (n, classes), or (n, 1) for regression.

    Returns:
        The items in order of first appearance, and (items, classes) probabilities or
        (items, 1) values.
    """
    outputs = softmax(logits, axis=1) if task_type == "classification" else logits
    numbers, names = pd.factorize(items)
    sums = np.zeros((len(names), logits.shape[1]))
    np.add.at(sums, numbers, outputs)
    return list(names), sums / np.bincount(numbers)[:, None]


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
    answers = outputs.argmax(axis=1) if task_type == "classification" else outputs[:, 0]
    return METRICS[metric](targets[first], answers)


def chance_score(majority: int, targets: Floats, task_type: str, metric: str) -> float:
    """Return the score of always answering the most common training class (or a constant)."""
    if task_type == "regression":
        return 0.0
    return METRICS[metric](targets, np.full(len(targets), majority))
