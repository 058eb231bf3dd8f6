"""Metrics of sets of labels: how many labels, or whole sets, are right.

They are computed from item weights, for all resamples of the bootstrap at once; the score itself
is that of weights of 1.
"""

from collections.abc import Callable, Iterable

import numpy as np

from polymath.evaluation.arrays import Floats
from polymath.evaluation.ranking import RANKING, rank_labels

OF_SETS_ALONE = ("micro_f1", "subset_accuracy")
THRESHOLD = 0.5  # probability above which a label is predicted


def name_answer(metrics: Iterable[str]) -> str:
    """Return what a model answers of an item, by the metrics that it is scored by."""
    return "set of labels" if set(OF_SETS_ALONE).intersection(metrics) else "class"


def predict_sets(outputs: Floats) -> Floats:
    """Return 1 for each label that is predicted, 0 for the others, of (items, labels) outputs."""
    return (outputs > THRESHOLD).astype(float)


def score_sets(metric: str, targets: Floats, outputs: Floats, weights: Floats) -> Floats:
    """Return a metric per resample; NaN where it is undefined.

    Args:
        metric: a name in SETS or RANKING.
        targets: (items, labels) 0 or 1.
        outputs: (items, labels) probabilities.
        weights: (resamples, items) counts.
    """
    if metric in RANKING:
        return rank_labels(metric, targets, outputs, weights)
    return SETS[metric](targets, predict_sets(outputs), weights)


def _micro_f1(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    """F1 of all pairs of an item and a label; 0 where none is true or predicted."""
    right = weights @ (targets * predicted).sum(axis=1)
    total = weights @ (targets + predicted).sum(axis=1)
    return np.divide(2 * right, total, out=np.zeros_like(total), where=total > 0)


def _macro_f1(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Mean of F1 over the labels that are true or predicted at least once; 0 without any."""
    right, total = weights @ (targets * predicted), weights @ (targets + predicted)
    values = np.divide(2 * right, total, out=np.full_like(total, np.nan), where=total > 0)
    occurring = np.isfinite(values).sum(axis=1)
    return np.nansum(values, axis=1) / np.maximum(occurring, 1)


def _subset_accuracy(targets: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Share of the items whose whole set is right."""
    return weights @ (targets == predicted).all(axis=1) / weights.sum(axis=1)


SETS: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "micro_f1": _micro_f1,
    "macro_f1": _macro_f1,
    "subset_accuracy": _subset_accuracy,
}
