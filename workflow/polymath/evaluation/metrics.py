"""Scores of predictions: pure functions on arrays and tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.util.errors import PolymathError

Floats = NDArray[np.float64]

# SciPy takes half a second to import, so it is imported by the metrics that need it: a process that
# trains has usually one.


def _accuracy(targets: Floats, classes: Floats) -> float:
    return float(np.mean(targets == classes))


def _count_classes(targets: Floats, classes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return how often each class that occurs is right, true and answered."""
    found, numbers = np.unique(np.concatenate([targets, classes]), return_inverse=True)
    true, answered = np.split(numbers, 2)
    right = true[true == answered]
    hits, of_true, of_answered = (
        np.bincount(one, minlength=len(found)).astype(float) for one in (right, true, answered)
    )
    return hits, of_true, of_answered


def _macro_f1(targets: Floats, classes: Floats) -> float:
    """Mean of F1 over the classes that are true or answered at least once."""
    hits, true, answered = _count_classes(targets, classes)
    return float(np.mean(2 * hits / (true + answered)))


def _f1(targets: Floats, classes: Floats) -> float:
    """Of the second of two classes, as GLUE scores MRPC and QQP; 0 if it never occurs."""
    true, answered = targets == 1, classes == 1
    either = true.sum() + answered.sum()
    return float(2 * (true & answered).sum() / either) if either else 0.0


def _mcc(targets: Floats, classes: Floats) -> float:
    """Matthews correlation of any number of classes; 0 if one side is constant.

    Source: J. Gorodkin, Comparing two K-category assignments by a K-category correlation
    coefficient, Comput. Biol. Chem. 28, 2004.
    """
    hits, true, answered = _count_classes(targets, classes)
    square = float(len(targets)) ** 2
    together = hits.sum() * len(targets) - true @ answered
    apart = (square - answered @ answered) * (square - true @ true)
    return float(together / np.sqrt(apart)) if apart else 0.0


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
