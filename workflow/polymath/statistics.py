"""Means and intervals over replicates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over n replicates with its interval; the interval is NaN for a single one."""

    n: int
    mean: float
    low: float
    high: float


def estimate_mean(values: NDArray[np.float64]) -> Estimate:
    """Return the mean and its 95 % interval by Student's t over replicates.

    The interval speaks of training variability (mapping, initialisation, order, dropout),
    not of which items happened to be in the test set. Few replicates make it wide: at n = 3
    it is 2.5 standard deviations either way.

    Args:
        values: (n,) one value a replicate, or one paired difference; none gives NaN.
    """
    mean = float(np.mean(values)) if len(values) else float("nan")
    if len(values) < 2:
        return Estimate(len(values), mean, float("nan"), float("nan"))
    error = stats.sem(values)
    half = float(error * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return Estimate(len(values), mean, mean - half, mean + half)
