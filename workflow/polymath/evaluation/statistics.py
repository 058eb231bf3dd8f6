"""Estimates, intervals and tests over replicates, and summaries across tasks.

Pure functions on arrays of finite numbers. tests/benchmarks/coverage.py measures their coverage
and power with few replicates; resources/docs/evidence.md reports it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Self

import numpy as np
from scipy import stats

from polymath.evaluation.arrays import Floats
from polymath.util.seeds import derive_seed

CONFIDENCE = 0.95
ALPHA = 0.05
RESAMPLES = 4999
# All 2^n sign patterns up to n = 14, and so many random ones above.
SIGN_PATTERNS = 2**14
# Scores are of order 1: differences within this are equal but for rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; NaN where the values determine none."""

    low: float = math.nan
    high: float = math.nan

    def within(self, lowest: float, highest: float) -> Self:
        """Return the same, the interval without what lies beyond the values that are possible."""
        low, high = (float(np.clip(end, lowest, highest)) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def columns(self, prefix: str) -> dict[str, float]:
        """Return its ends as columns of a table."""
        return {f"{prefix}_low": self.low, f"{prefix}_high": self.high}


UNKNOWN = Interval()


@dataclass(frozen=True)
class Estimate(Interval):
    """A mean over n replicates with its interval; the interval is NaN for a single one."""

    mean: float = math.nan
    n: int = 0

    def columns(self, prefix: str) -> dict[str, float]:
        """Return the mean and the ends of its interval as columns of a table."""
        return {prefix: self.mean, **super().columns(prefix)}


def estimate_mean(values: Floats) -> Estimate:
    """Return the mean and its 95 % interval by Student's t over replicates.

    The interval covers the variability of training (mapping, initialisation, order, dropout),
    not that of the test items. Few replicates make it wide: at n = 3 it extends 2.5 standard
    deviations either way.

    Args:
        values: (n,) one value or paired difference per replicate; none gives NaN.
    """
    mean = float(np.mean(values)) if len(values) else math.nan
    if len(values) < 2:
        return Estimate(mean=mean, n=len(values))
    error = stats.sem(values)
    half = float(error * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return Estimate(low=mean - half, high=mean + half, mean=mean, n=len(values))


def bootstrap_interval(*columns: Floats, statistic: Callable[..., Floats] = np.mean) -> Interval:
    """Return the 95 % bootstrap interval (BCa) of a statistic over replicates.

    Source: Efron, Better bootstrap confidence intervals, JASA 82, 1987, as SciPy computes it.

    Args:
        columns: (n,) each; replicates are drawn jointly.
        statistic: of the columns, with an argument `axis`.
    """
    if len(columns[0]) < 2:
        return UNKNOWN
    if all(np.ptp(column) < ROUNDING for column in columns):  # BCa would divide by zero
        value = float(statistic(*columns, axis=-1))
        return Interval(value, value)
    interval = stats.bootstrap(
        columns, statistic, paired=True, vectorized=True, axis=-1, n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE, method="BCa", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Interval(float(interval.low), float(interval.high))


@lru_cache(maxsize=4)
def sign_patterns(pairs: int) -> Floats:
    """Return (patterns, pairs) signs: all there are up to 14 pairs, else as many random ones."""
    if 2**pairs <= SIGN_PATTERNS:
        return np.array(list(product((1.0, -1.0), repeat=pairs)))
    generator = np.random.default_rng(derive_seed(0, "resampling"))
    return generator.choice([-1.0, 1.0], size=(SIGN_PATTERNS, pairs))


def share_as_extreme(flipped: Floats, value: float, exact: bool) -> float:
    """Return the two-sided p of a randomisation test: the share of flips as far from zero.

    Args:
        flipped: (patterns,) the statistic after each pattern of flips.
        exact: all patterns are there, the observed one too; else that one is added.
    """
    extreme = int(np.sum(np.abs(flipped) >= abs(value) - ROUNDING))
    return extreme / len(flipped) if exact else (extreme + 1) / (len(flipped) + 1)


def p_in_words(p: float) -> str:
    """Return a p value as text that shows on which side of the level it lies."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def sign_flip_p(differences: Floats) -> float:
    """Return the two-sided p of the sign-flip (paired permutation) test of a mean of zero.

    It is the share of random exchanges of each pair's arms after which the mean is as far from
    zero. It is exact up to n = 14, and assumes only that arms that do not differ are exchangeable.
    Its smallest value is 2 / 2^n.

    Args:
        differences: (n,) paired differences; none gives NaN.
    """
    n = len(differences)
    if not n:
        return math.nan
    flipped = sign_patterns(n) @ differences / n
    return share_as_extreme(flipped, float(np.mean(differences)), len(flipped) == 2**n)


def hedges_g(differences: Floats) -> float:
    """Return the mean paired difference in standard deviations of the differences.

    Cohen's d_z with Hedges' correction for few replicates (Hedges, Journal of Educational
    Statistics 6, 1981). NaN for at most two pairs, and where the differences do not vary.

    Args:
        differences: (n,) paired differences.
    """
    free = len(differences) - 1
    if free < 2 or np.ptp(differences) < ROUNDING:
        return math.nan
    logarithm = math.lgamma(free / 2) - math.lgamma((free - 1) / 2) - math.log(free / 2) / 2
    return float(math.exp(logarithm) * np.mean(differences) / np.std(differences, ddof=1))


def holm(p: Floats) -> Floats:
    """Return p values adjusted for a family of tests (Holm, Scand. J. Statist. 6, 1979).

    Written out because statsmodels' multipletests spends 0.1 s per call on garbage collection.

    Args:
        p: (tests,); NaN stays NaN and does not count as a test.
    """
    adjusted = np.full(len(p), math.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    steps = np.arange(len(order), 0, -1) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def interquartile_mean(scores: Floats) -> Floats:
    """Return the mean of the middle half of the last axis.

    Source: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice,
    NeurIPS 2021.
    """
    return np.asarray(stats.trim_mean(scores, 0.25, axis=-1))


def interquartile_gain(strata: Sequence[Floats]) -> Floats:
    """Return the interquartile mean of all first scores minus that of all second scores.

    Args:
        strata: (..., n, 2) per task.
    """
    pooled = np.concatenate(strata, axis=-2)
    return interquartile_mean(pooled[..., 0]) - interquartile_mean(pooled[..., 1])


def improvement_probability(strata: Sequence[Floats]) -> Floats:
    """Return the probability that a random first score of a task is above a random second one.

    A tie counts half; the mean over tasks. Source: Agarwal et al., NeurIPS 2021.

    Args:
        strata: (..., n, 2) per task.
    """
    differences = (scores[..., :, None, 0] - scores[..., None, :, 1] for scores in strata)
    by_task = [np.mean(np.heaviside(task, 0.5), axis=(-2, -1)) for task in differences]
    return np.mean(by_task, axis=0)


def stratified_interval(
    strata: Sequence[Floats], statistic: Callable[[Sequence[Floats]], Floats]
) -> Interval:
    """Return a 95 % percentile interval, drawing replicates again within each task.

    Tasks are fixed: the interval holds for these tasks only.

    Args:
        strata: (n, 2) per task, the two scores of each replicate.
        statistic: of strata of shape (..., n, 2).
    """
    if min(map(len, strata)) < 2:
        return UNKNOWN
    generator = np.random.default_rng(0)
    resamples = [
        scores[generator.integers(len(scores), size=(RESAMPLES, len(scores)))] for scores in strata
    ]
    return percentiles(statistic(resamples))


def percentiles(resampled: Floats) -> Interval:
    """Return the 95 % percentile interval of resampled values.

    Args:
        resampled: (resamples,); NaN gives NaN, and so does none.
    """
    if not len(resampled):
        return UNKNOWN
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))
