"""Effective data transferred: how many times the training data pre-training is worth.

A model that starts from other weights reaches some score on a share of the training data. Random
weights reach the same score on another share, the effective one, which is read off their own curve
of scores. The multiplier is the effective share by the share that was used: 3 says that
pre-training is worth three times the data.

Source: Hernandez et al., Scaling laws for transfer, arXiv 2102.01293, who compare losses; here it
is the task's test score. They fit power laws. A few fractions do not support that: the curve of
random weights is made monotone and read between its points, linearly in the logarithm of the data.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats
from polymath.evaluation.comparisons import HeadlineScores
from polymath.evaluation.statistics import CONFIDENCE, RESAMPLES, ROUNDING, UNKNOWN, Interval
from polymath.evaluation.tables import CONDITION_COLUMNS, EFFECTIVE_DATA_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import SCRATCH, Contrast
from polymath.util.seeds import derive_seed

# What a multiplier is where it was not measured.
AT_LEAST, AT_MOST, NO_BOUND = "at least", "at most", "none"
_NOT_MEASURED = {
    "multiplier": np.nan, "bound": NO_BOUND, **UNKNOWN.columns("multiplier"),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A condition and its random weights on several shares of the training data."""

    contrasts: Mapping[float, Contrast]
    """By the share; each condition has its random weights on the same share."""
    references: Mapping[float, Condition]
    """Random weights on all shares on which they were trained, in increasing order."""


def measure_effective_data(
    scores: Mapping[Condition, HeadlineScores],
    contrasts: Sequence[Contrast],
    idle: Container[Condition] = (),
) -> pd.DataFrame:
    """Return one row per comparison with random weights that were trained on several fractions.

    Args:
        scores: of every condition.
        contrasts: of the experiment; those with other references are left out.
        idle: conditions that are not shown to have learned anything, which have no multiplier.
    """
    rows = [row for line in find_lines(contrasts, scores) for row in _rows_of(line, scores)]
    table = pd.DataFrame(rows, columns=EFFECTIVE_DATA_SCHEMA.names)
    unlearned = [Condition(*names) in idle for names in table[[*CONDITION_COLUMNS]].to_numpy()]
    if any(unlearned):
        table.loc[unlearned, [*_NOT_MEASURED]] = [*_NOT_MEASURED.values()]
    return table


def find_lines(
    contrasts: Sequence[Contrast], scores: Mapping[Condition, HeadlineScores]
) -> list[Line]:
    """Return the comparisons with random weights, by all but the fraction."""
    curves: dict[Condition, dict[float, Condition]] = {}
    for condition in sorted(scores, key=lambda each: float(each.fraction)):
        curves.setdefault(_without_fraction(condition), {})[float(condition.fraction)] = condition
    lines: dict[tuple[Condition, Condition], dict[float, Contrast]] = {}
    for contrast in contrasts:
        if contrast.against == SCRATCH:
            pair = (_without_fraction(contrast.condition), _without_fraction(contrast.reference))
            lines.setdefault(pair, {})[float(contrast.condition.fraction)] = contrast
    return [
        Line(dict(sorted(line.items())), curves[reference])
        for (_, reference), line in lines.items()
        if len(curves[reference]) > 1
    ]


def _without_fraction(condition: Condition) -> Condition:
    return replace(condition, fraction="")


def _rows_of(line: Line, scores: Mapping[Condition, HeadlineScores]) -> list[dict[str, Any]]:
    """Return a row per share, over the replicates that finished on every share in both arms."""
    arm = [contrast.condition for contrast in line.contrasts.values()]
    reference = [*line.references.values()]
    cells = [scores[condition].values for condition in (*arm, *reference)]
    replicates = sorted(set.intersection(*map(set, cells)))
    if not replicates:
        return []
    shares, data = np.array([*line.contrasts]), np.array([*line.references])
    reached, learned = (_matrix(each, replicates, scores) for each in (arm, reference))
    chance = scores[arm[0]].chance
    estimates = estimate_multipliers(shares, reached, data, learned, chance)
    return [
        {
            **contrast.columns(scores[contrast.condition].domain),
            "metric": scores[contrast.condition].metric,
            "n": len(replicates),
            "diverged": sum(scores[each].diverged for each in (*arm, *reference)),
            "mean": reached[:, place].mean(),
            "reference_mean": learned[:, [*data].index(share)].mean(),
            "chance": chance,
            "lowest": data[0] / share,
            "highest": data[-1] / share,
            **estimates[place],
        }
        for place, (share, contrast) in enumerate(line.contrasts.items())
    ]


def _matrix(
    conditions: Sequence[Condition],
    replicates: Sequence[int],
    scores: Mapping[Condition, HeadlineScores],
) -> Floats:
    """Return (replicates, conditions) scores."""
    return np.array([[scores[each].values[number] for each in conditions] for number in replicates])


def estimate_multipliers(
    shares: Floats, reached: Floats, data: Floats, learned: Floats, chance: float
) -> list[dict[str, Any]]:
    """Return the multiplier on each share with its interval and how it is bounded.

    `bound` is "at least" where random weights do not reach the score on all of their data. It is
    "at most" where they are above it on the least of their data already, and where the arm is not
    above random weights on any share. On a share where it is not above them it is worth no more
    than 1, also where their curve falls later. It is "none" where the arm is not above chance.
    The interval is the percentile interval of the bootstrap over replicates, drawn jointly for both
    arms and all shares. It covers other seeds, not other test items. Its ends are 0 and infinite
    where they cannot be measured.

    Args:
        shares: (s,) of the training data, on which the arm was trained.
        reached: (n, s) its scores.
        data: (d,) increasing shares on which random weights were trained, with all of `shares`.
        learned: (n, d) their scores.
    """
    means, reference_means = reached.mean(axis=0), learned.mean(axis=0)
    same = np.searchsorted(data, shares)
    effective, capped = (
        each[0] for each in _effective(means[None], data, reference_means[None], same)
    )
    drawn = _resample(reached, data, learned, same)
    never_above = bool(np.all(means <= reference_means[same] + ROUNDING))
    rows = []
    for place, share in enumerate(shares):
        lowest, highest = data[0] / share, data[-1] / share
        value, bound = float(effective[place] / share), ""
        if means[place] <= chance:
            rows.append(dict(_NOT_MEASURED))
            continue
        if never_above or capped[place]:
            value, bound = 1.0, AT_MOST
        elif np.isinf(value):
            value, bound = highest, AT_LEAST
        elif value == 0:
            value, bound = lowest, AT_MOST
        interval = _interval(drawn[:, place] / share, lowest, highest) if len(drawn) else UNKNOWN
        rows.append({"multiplier": float(value), "bound": bound, **interval.columns("multiplier")})
    return rows


def _effective(
    targets: Floats, data: Floats, curves: Floats, same: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the effective shares, and which are cut to the share that was used.

    What is not above random weights on the same share needs no more data than they have there.

    Args:
        same: (s,) the places of the targets' shares among those of the curves.
    """
    effective, shares = effective_shares(targets, data, curves), data[same]
    capped = (targets <= curves[:, same] + ROUNDING) & (effective > shares)
    return np.where(capped, shares, effective), capped


def effective_shares(targets: Floats, data: Floats, curves: Floats) -> Floats:
    """Return the share of the data on which a curve first reaches each target.

    Infinite where it never does, 0 where it starts above the target.

    Args:
        targets: (r, s) scores, a row per curve.
        data: (d,) increasing shares.
        curves: (r, d) scores on these shares.
    """
    rising, positions = monotone(curves), np.log(data)
    shares = np.empty(targets.shape)
    rows = np.arange(len(targets))
    for place in range(targets.shape[1]):
        target = targets[:, place]
        above = rising >= target[:, None] - ROUNDING
        after = np.maximum(above.argmax(axis=1), 1)
        low, high = rising[rows, after - 1], rising[rows, after]
        steps = np.where(high > low, high - low, 1.0)
        way = np.clip((target - low) / steps, 0.0, 1.0)
        between = np.exp(positions[after - 1] + way * (positions[after] - positions[after - 1]))
        started = np.where(target < rising[:, 0] - ROUNDING, 0.0, data[0])
        shares[:, place] = np.select(
            [~above.any(axis=1), above[:, 0]], [np.full(len(targets), np.inf), started], between
        )
    return shares


def monotone(curves: Floats) -> Floats:
    """Return the nearest curves, in squares, that never fall: more data does not hurt.

    Source: the max-min formula of isotonic regression, Robertson, Wright and Dykstra, Order
    restricted statistical inference, 1988, theorem 1.4.4. By hand: SciPy fits one curve at a time.

    Args:
        curves: (r, d) scores at increasing data.
    """
    size = curves.shape[1]
    sums = np.concatenate([np.zeros((len(curves), 1)), np.cumsum(curves, axis=1)], axis=1)
    fitted = np.full(curves.shape, -np.inf)
    for start in range(size):
        ends = np.arange(start, size)
        means = (sums[:, ends + 1] - sums[:, [start]]) / (ends + 1 - start)
        # The least mean of a block from `start` that ends at this place or later.
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        fitted[:, start:] = np.maximum(fitted[:, start:], least)
    return fitted


def _resample(reached: Floats, data: Floats, learned: Floats, same: NDArray[np.int64]) -> Floats:
    """Return (RESAMPLES, s) effective shares of resampled replicates; none of a single one."""
    n = len(reached)
    if n < 2:
        return np.zeros((0, reached.shape[1]))
    generator = np.random.default_rng(derive_seed(0, "resampling"))
    chosen = generator.integers(n, size=(RESAMPLES, n))
    return _effective(reached[chosen].mean(axis=1), data, learned[chosen].mean(axis=1), same)[0]


def _interval(multipliers: Floats, lowest: float, highest: float) -> Interval:
    """Return the percentile interval of multipliers that may be 0 or infinite.

    An end beyond what can be measured is open, but the interval then begins, or ends, there.
    """
    levels = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low = float(np.quantile(multipliers, levels[0], method="lower"))
    high = float(np.quantile(multipliers, levels[1], method="higher"))
    return Interval(min(low, highest), max(high, lowest))
