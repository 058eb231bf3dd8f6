"""Scores on resampled test items: what another test set of the same size might have given.

The metrics are those of `metrics`, computed from item weights for all resamples at once.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats
from polymath.evaluation.label_sets import score_sets
from polymath.evaluation.metrics import is_constant, orient, predict
from polymath.evaluation.ranking import RANKING, rank_items

RESAMPLES = 1000
ROUNDING = 1e-12
# Correlations are computed in this many blocks of resamples, to save memory.
BLOCKS = 20


def item_weights(groups: Sequence[str]) -> Floats:
    """Return how often each item is drawn in each resample: as often as its group.

    Groups are drawn with replacement, so that pieces of one work count as one observation. The
    weights are the same for all conditions of a task: their differences are paired by item.

    Args:
        groups: (items,) each item's group; items without groups are groups of their own.

    Returns:
        (RESAMPLES, items) counts; without groups each row sums to the number of items.
    """
    return _weights(tuple(pd.factorize(np.asarray(groups))[0].tolist()))


@lru_cache(maxsize=1)
def _weights(numbers: tuple[int, ...]) -> Floats:
    generator = np.random.default_rng(0)
    count = max(numbers) + 1
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return drawn[:, list(numbers)].astype(float)


def resample_score(
    targets: Floats, outputs: Floats, weights: Floats, metric: str, positive: int = 1
) -> Floats:
    """Return one metric on each resample.

    Args:
        targets, outputs, metric, positive: as of `metrics.score`.
        weights: (resamples, items) counts.

    Returns:
        (resamples,) scores; NaN where the metric is undefined.
    """
    if targets.ndim == 2:
        return score_sets(metric, targets, outputs, weights)
    if metric in RANKING:
        return rank_items(metric, targets, outputs, weights, positive)
    targets, predicted = orient(metric, targets, predict(outputs), positive)
    if metric == "accuracy":
        return weights @ (targets == predicted) / weights.sum(axis=1)
    if metric in _FROM_CONFUSION:
        return _FROM_CONFUSION[metric](_confusion(targets, predicted, weights))
    if metric in _FROM_ERRORS:
        return _FROM_ERRORS[metric](targets, predicted, weights)
    if is_constant(targets, predicted):
        return np.zeros(len(weights))  # as in `metrics`
    correlate = _spearman if metric == "spearman" else _pearson
    blocks = np.array_split(weights, BLOCKS)
    return np.concatenate([correlate(targets, predicted, block) for block in blocks])


def _confusion(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Return (resamples, classes, classes) counts: true class, then predicted."""
    classes = max(2, int(max(targets.max(), predicted.max())) + 1)  # F1 is of the second one
    cells = (targets * classes + predicted).astype(int)
    counts = weights @ np.eye(classes**2)[cells]
    return counts.reshape(-1, classes, classes)


def _class_f1(confusion: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each class's F1, 0 where it is undefined, and whether the class occurs at all."""
    right = np.diagonal(confusion, axis1=1, axis2=2)
    total = confusion.sum(axis=1) + confusion.sum(axis=2)
    occurs = total > 0
    return np.divide(2 * right, total, out=np.zeros_like(total), where=occurs), occurs


def _balanced_accuracy(confusion: Floats) -> Floats:
    true = confusion.sum(axis=2)
    occurs = true > 0
    right = np.diagonal(confusion, axis1=1, axis2=2)
    shares = np.divide(right, true, out=np.zeros_like(true), where=occurs)
    return shares.sum(axis=1) / occurs.sum(axis=1)


def _f1(confusion: Floats) -> Floats:
    return _class_f1(confusion)[0][:, 1]


def _macro_f1(confusion: Floats) -> Floats:
    values, occurs = _class_f1(confusion)
    return values.sum(axis=1) / occurs.sum(axis=1)


def _mcc(confusion: Floats) -> Floats:
    """Gorodkin's R_K, as scikit-learn computes it."""
    n = confusion.sum(axis=(1, 2))
    right = np.trace(confusion, axis1=1, axis2=2)
    predicted, true = confusion.sum(axis=1), confusion.sum(axis=2)
    above = right * n - (predicted * true).sum(axis=1)
    below = np.sqrt((n**2 - (predicted**2).sum(axis=1)) * (n**2 - (true**2).sum(axis=1)))
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


_FROM_CONFUSION = {
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "mcc": _mcc,
}


def _rmse(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    return np.sqrt(weights @ (targets - predicted) ** 2 / weights.sum(axis=1))


def _r2(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Coefficient of determination; NaN where the targets of a resample are equal."""
    n = weights.sum(axis=1)
    centred = targets - targets.mean()  # so that the difference of squares below loses nothing
    spread = weights @ centred**2 - (weights @ centred) ** 2 / n
    spread[spread <= ROUNDING * (weights @ centred**2)] = np.nan
    return 1 - weights @ (targets - predicted) ** 2 / spread


_FROM_ERRORS = {"r2": _r2, "rmse": _rmse}


def _pearson(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    return _correlation(targets[None], predicted[None], weights)


def _spearman(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    return _correlation(_ranks(targets, weights), _ranks(predicted, weights), weights)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Return the (resamples, items) ranks that items have in each resample; ties share a mean."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    counts = np.add.reduceat(weights[:, order], starts, axis=1)
    return (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, group]


def _correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return each resample's correlation; 0 where one side is constant."""
    n = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / n
    y = y - (weights * y).sum(axis=1, keepdims=True) / n
    above = (weights * x * y).sum(axis=1)
    below = np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
