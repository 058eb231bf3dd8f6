"""One t test of a mean difference that knows two variances: of replicates, and of what they share.

The mean of n paired differences scatters because training is repeated with other seeds, by s² / n,
and because of what all replicates share, by v: another test set would have other items, another
target would be reached at another time. The test divides the mean by
sqrt(s² / n + v), with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from polymath.evaluation.arrays import Floats
from polymath.evaluation.statistics import ALPHA, CONFIDENCE, ROUNDING, Estimate

POWER = 0.8


@dataclass(frozen=True)
class MeanTest(Estimate):
    """A mean with its 95 % interval, standard error, degrees of freedom and two-sided p of 0.

    All but the mean are NaN where the values determine none.
    """

    error: float = math.nan
    df: float = math.nan
    p: float = math.nan


def standard_error(
    deviation: float, n: int, shared_error: float = 0.0, shared_df: float = 0
) -> tuple[float, float]:
    """Return the standard error of a mean over both variances, and its degrees of freedom.

    Args:
        deviation: standard deviation of the n differences.
        shared_error: standard error of their mean by what all share; 0 if nothing is, NaN where
            it cannot be told, which leaves no test.
        shared_df: its degrees of freedom, as groups of items less one.
    """
    if math.isnan(shared_error):
        return math.nan, math.nan
    seeds, shared = deviation**2 / n, shared_error**2
    if seeds + shared == 0:
        return 0.0, math.nan
    curvature = (seeds**2 / (n - 1) if seeds else 0.0) + (shared**2 / shared_df if shared else 0.0)
    return math.sqrt(seeds + shared), (seeds + shared) ** 2 / curvature


def t_test(differences: Floats, shared_error: float = 0.0, shared_df: float = 0) -> MeanTest:
    """Return the test that a mean of paired differences is 0.

    Without replicates to compare (n < 2), and where nothing varies, there is no test.

    Args:
        differences: (n,) one per pair of replicates.
        shared_error, shared_df: as of `standard_error`.
    """
    n = len(differences)
    mean = float(np.mean(differences)) if n else math.nan
    if n < 2:
        return MeanTest(mean=mean, n=n)
    deviation = 0.0 if np.ptp(differences) < ROUNDING else float(np.std(differences, ddof=1))
    error, df = standard_error(deviation, n, shared_error, shared_df)
    if math.isnan(df):
        return MeanTest(mean=mean, n=n, error=error)
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, df))
    p = 2 * float(stats.t.sf(abs(mean) / error, df))
    return MeanTest(low=mean - half, high=mean + half, mean=mean, n=n, error=error, df=df, p=p)


def detectable_difference(error: float, df: float, tests: float = 1) -> float:
    """Return the smallest true difference that the test finds in 80 % of experiments like this.

    The noncentrality at which Student's t exceeds the test's bound with that probability; that it
    falls below the opposite bound is less likely by orders of magnitude, and left out.

    Args:
        error, df: of `standard_error`.
        tests: size of the family; the level is divided by it, as in Holm's first step.
    """
    bound = stats.t.isf(ALPHA / max(tests, 1) / 2, df)
    return float(error * special.nctdtrinc(df, 1 - POWER, bound))


def power(effect: float, error: float, df: float, tests: float = 1) -> float:
    """Return the probability that the two-sided test decides, if this is the true difference.

    Args:
        error, df, tests: as of `detectable_difference`.
    """
    bound = stats.t.isf(ALPHA / max(tests, 1) / 2, df)
    shift = abs(effect) / error
    # special.nctdtr is NaN beyond a shift of about 37.
    opposite = stats.nct.cdf(-bound, df, shift)  # NaN where it is too small for a number
    return float(stats.nct.sf(bound, df, shift) + np.nan_to_num(opposite))
