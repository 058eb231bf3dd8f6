"""One test of all tasks of a family together, and the size of the effect with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polymath.evaluation.arrays import Floats
from polymath.evaluation.statistics import (
    RESAMPLES,
    ROUNDING,
    SIGN_PATTERNS,
    UNKNOWN,
    Interval,
    interquartile_mean,
    percentiles,
    share_as_extreme,
    sign_patterns,
)
from polymath.util.seeds import derive_seed


@dataclass(frozen=True)
class Stratum:
    """One task's paired differences, and the standard error of their mean by what all share."""

    differences: Floats
    shared_error: float = 0.0

    @property
    def scale(self) -> float:
        """Root mean square of the differences, widened by the variance of what all share.

        Sign flips do not change it.
        """
        square = np.mean(self.differences**2) + len(self.differences) * self.shared_error**2
        return float(np.sqrt(square))

    @property
    def independent(self) -> Floats:
        """The differences that count as evidence: one where all are equal and nothing is shared.

        Replicates that no seed changes are one observation, however often it is repeated.
        """
        equal = np.ptp(self.differences) < ROUNDING and not self.shared_error
        return self.differences[:1] if equal else self.differences


@dataclass(frozen=True)
class FamilyTest:
    """The mean of all tasks' means, each in units of its task's scale, and its two-sided p."""

    direction: float
    p: float


def sign_flip_together(strata: Sequence[Stratum]) -> FamilyTest:
    """Test that no task of a family has a difference, by flipping the sign of each pair.

    A stratified sign-flip test: each replicate's difference is flipped on its own, in units of its
    task's scale. To every flipped mean a normal error of what all replicates of its task share is
    added, as their test items: flips alone know the seeds only. Up to 14 pairs
    all patterns are enumerated, and without errors of items p is exact. Replicates that are all
    equal count as one.

    Args:
        strata: one per task, none of them empty.
    """
    strata = [stratum for stratum in strata if stratum.scale > ROUNDING]
    if not strata:
        return FamilyTest(0.0, 1.0)
    weights = np.concatenate(
        [each.independent / (len(each.independent) * each.scale) for each in strata]
    )
    error = np.sqrt(sum((each.shared_error / each.scale) ** 2 for each in strata))
    flipped = sign_patterns(len(weights)) @ weights
    total = float(weights.sum())
    p = share_as_extreme(flipped, total, exact=len(flipped) == 2 ** len(weights))
    if error > 0:
        generator = np.random.default_rng(derive_seed(0, "resampling", 1))
        noisy = np.resize(flipped, SIGN_PATTERNS) + error * generator.standard_normal(SIGN_PATTERNS)
        # Noise parts patterns that tie with the observed one: it must not make p smaller.
        p = max(p, share_as_extreme(noisy, total, exact=False))
    return FamilyTest(total / len(strata), p)


def pooled_difference(strata: Sequence[Stratum]) -> tuple[float, Interval]:
    """Return the interquartile mean of all tasks' differences with its 95 % interval.

    The interval is a stratified bootstrap (Agarwal et al., NeurIPS 2021), which draws replicates
    again within each task. Two things are added: deviations from the task's mean are widened by
    sqrt(n / (n - 1)), without which few replicates give too narrow an interval, and each task's
    mean has a normal error of its test items.

    Args:
        strata: one per task, on one scale. Where one has a single pair, or none varies, there is
            no interval.
    """
    pooled = float(interquartile_mean(np.concatenate([each.differences for each in strata])))
    single = min(len(each.differences) for each in strata) < 2
    if single or max(len(each.independent) for each in strata) < 2:
        return pooled, UNKNOWN
    generator = np.random.default_rng(derive_seed(0, "resampling"))
    drawn = [_redraw(stratum, generator) for stratum in strata]
    return pooled, percentiles(interquartile_mean(np.concatenate(drawn, axis=1)))


def _redraw(stratum: Stratum, generator: np.random.Generator) -> Floats:
    """Return (RESAMPLES, n) differences of replicates drawn again."""
    n, mean = len(stratum.differences), stratum.differences.mean()
    deviations = (stratum.differences - mean) * np.sqrt(n / (n - 1))
    drawn = deviations[generator.integers(n, size=(RESAMPLES, n))]
    shift = stratum.shared_error * generator.standard_normal((RESAMPLES, 1))
    return np.asarray(mean + drawn + shift)
