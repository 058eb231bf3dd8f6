"""Metrics of how outputs rank items, whatever the threshold: ROC-AUC and average precision.

Both are computed from item weights, for all resamples of the bootstrap at once; the score itself
is that of weights of 1. They are scikit-learn's with `sample_weight`, which computes one resample
per call.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats

RANKS_NOTHING = 0.5  # the AUC of outputs that do not depend on the class
# Outputs come in float32: those that differ by less than this share of the largest are ties.
ROUNDING = 1e-6
# Resamples are scored in blocks of at most this many weights, to save memory.
BLOCK = 2**21


def rank_items(
    metric: str, targets: Floats, outputs: Floats, weights: Floats, positive: int = 1
) -> Floats:
    """Return a metric of RANKING per resample; NaN where it is undefined.

    Of two classes it is of the positive one. Of several it is the mean over classes, each against
    the rest; classes without an item inside and outside them are left out, and without any class
    it is undefined.

    Args:
        targets: (items,) class numbers.
        outputs: (items, classes) probabilities.
        weights: (resamples, items) counts.
    """
    classes = [positive] if outputs.shape[1] == 2 else [*range(outputs.shape[1])]
    inside = np.stack([targets == number for number in classes], axis=1)
    return rank_labels(metric, inside, outputs[:, classes], weights)


def rank_labels(metric: str, targets: Floats, outputs: Floats, weights: Floats) -> Floats:
    """Return a metric of RANKING per resample: its mean over labels, each by itself.

    Labels without an item that has and one that lacks them are left out; NaN without any label.

    Args:
        targets: (items, labels) whether an item has a label.
        outputs: (items, labels) probabilities.
        weights: (resamples, items) counts.
    """
    blocks = np.array_split(weights, -(-weights.size // BLOCK))
    by_label = [
        np.concatenate([_of_class(metric, inside, values, block) for block in blocks])
        for inside, values in zip(targets.T.astype(bool), outputs.T, strict=True)
    ]
    return _mean_where_defined(np.array(by_label))


def _of_class(metric: str, inside: NDArray[np.bool_], values: Floats, weights: Floats) -> Floats:
    """Return a metric of one class against the rest."""
    if np.ptp(values) <= ROUNDING * np.max(np.abs(values)):
        values = np.zeros(len(values))
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=np.inf))  # of each group of ties
    hits = np.add.reduceat(weights[:, order] * inside[order], starts, axis=1)
    alarms = np.add.reduceat(weights[:, order] * ~inside[order], starts, axis=1)
    return RANKING[metric](hits, alarms)


def _roc_auc(hits: Floats, alarms: Floats) -> Floats:
    """Return the probability that a positive item is above a negative one; a tie counts half.

    Args:
        hits, alarms: (resamples, values) positive and negative items per value, highest first.
    """
    above = np.cumsum(hits, axis=1) - hits / 2
    pairs = hits.sum(axis=1) * alarms.sum(axis=1)
    return _divide((above * alarms).sum(axis=1), pairs)


def _average_precision(hits: Floats, alarms: Floats) -> Floats:
    """Return the mean of precision at each positive item; arguments as of `_roc_auc`."""
    above = np.cumsum(hits, axis=1)
    taken = above + np.cumsum(alarms, axis=1)
    precision = np.divide(above, taken, out=np.zeros_like(above), where=taken > 0)
    return _divide((precision * hits).sum(axis=1), hits.sum(axis=1) * (alarms.sum(axis=1) > 0))


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _mean_where_defined(by_class: Floats) -> Floats:
    """Return the mean over classes (classes, resamples) that are not NaN; NaN if all are."""
    defined = ~np.isnan(by_class)
    return _divide(np.where(defined, by_class, 0).sum(axis=0), defined.sum(axis=0).astype(float))


RANKING: dict[str, Callable[[Floats, Floats], Floats]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
}
