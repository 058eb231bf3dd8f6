"""Estimates, intervals and tests over replicates, and summaries across tasks.

Pure functions on arrays of finite numbers. tests/benchmarks/coverage.py measures their coverage
and power with few replicates; resources/docs/evidence.md reports it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

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

    low: float
    high: float

    def columns(self, prefix: str) -> dict[str, float]:
        """Return its ends as columns of a table."""
        return {f"{prefix}_low": self.low, f"{prefix}_high": self.high}


UNKNOWN = Interval(math.nan, math.nan)


@dataclass(frozen=True)
class Estimate:
    """A mean over n replicates with its interval; the interval is NaN for a single one."""

    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Paired differences: their mean with Student's and the BCa interval, a test, an effect size.

    `p` is of the sign-flip test, `effect` is Hedges' g of the differences.
    """

    differences: Floats
    mean: Estimate
    bootstrap: Interval
    p: float
    effect: float

    @property
    def columns(self) -> dict[str, Any]:
        """Everything but the mean itself, as columns of a table."""
        return {
            "n": self.mean.n,
            "low": self.mean.low,
            "high": self.mean.high,
            **self.bootstrap.columns("bootstrap"),
            "p": self.p,
            "effect": self.effect,
            "differences": self.differences,
        }


def estimate_mean(values: Floats) -> Estimate:
    """Return the mean and its 95 % interval by Student's t over replicates.

    The interval covers the variability of training (mapping, initialisation, order, dropout),
    not that of the test items. Few replicates make it wide: at n = 3 it extends 2.5 standard
    deviations either way.

    Args:
        values: (n,) one value or paired difference per replicate; none gives NaN.
    """
    mean = float(np.mean(values)) if len(values) else float("nan")
    if len(values) < 2:
        return Estimate(len(values), mean, float("nan"), float("nan"))
    error = stats.sem(values)
    half = float(error * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return Estimate(len(values), mean, mean - half, mean + half)


def bootstrap_interval(
    *columns: Floats, statistic: Callable[..., Floats] = np.mean, method: str = "BCa"
) -> Interval:
    """Return the 95 % bootstrap interval of a statistic over replicates.

    Source: Efron, Better bootstrap confidence intervals, JASA 82, 1987, as SciPy computes it.

    Args:
        columns: (n,) each; replicates are drawn jointly.
        statistic: of the columns, with an argument `axis`.
        method: "BCa" or "percentile".
    """
    if len(columns[0]) < 2:
        return UNKNOWN
    if all(np.ptp(column) < ROUNDING for column in columns):  # BCa would divide by zero
        value = float(statistic(*columns, axis=-1))
        return Interval(value, value)
    interval = stats.bootstrap(
        columns, statistic, paired=True, vectorized=True, axis=-1, n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE, method=method, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Interval(float(interval.low), float(interval.high))


def sign_flip_p(differences: Floats) -> float:
    """Return the two-sided p of the sign-flip (paired permutation) test of a mean of zero.

    It is the share of random exchanges of each pair's arms after which the mean is as far from
    zero. It is exact up to n = 14, and assumes only that arms that do not differ are exchangeable.
    Its smallest value is 2 / 2^n.

    Args:
        differences: (n,) paired differences; none gives NaN.
    """
    if not len(differences):
        return math.nan
    if len(differences) == 1 or np.all(np.abs(differences) < ROUNDING):
        return 1.0
    result = stats.permutation_test(
        (differences,), _rounded_mean, permutation_type="samples", vectorized=True,
        n_resamples=SIGN_PATTERNS, axis=-1, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(result.pvalue)


def _rounded_mean(values: Floats, axis: int) -> Floats:
    """Return rounded means: accuracies differ by whole items, so sign patterns must tie exactly."""
    return np.asarray(np.round(np.mean(values, axis=axis), 12))


def needed_replicates(tests: int) -> int:
    """Return the least n at which the sign-flip test can be significant after Holm's correction.

    Args:
        tests: how many the family has.
    """
    return 1 + math.ceil(math.log2(tests / ALPHA))


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


def compare_pairs(differences: Floats) -> Paired:
    """Return the estimates and the test of paired differences.

    Args:
        differences: (n,) one per replicate.
    """
    return Paired(
        differences,
        mean=estimate_mean(differences),
        bootstrap=bootstrap_interval(differences),
        p=sign_flip_p(differences),
        effect=hedges_g(differences),
    )


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
    """Return a 95 % percentile interval, drawing replicates anew within each task.

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
        resampled: (resamples,); NaN gives NaN.
    """
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))
