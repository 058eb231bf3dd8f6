"""How fast arms learn: examples and seconds until a target, and the area under the dev curve.

The target of a contrast is a share of the way from chance to the better arm's final dev score.
A run's time is where its dev curve first reaches the target, by linear interpolation between
evaluations. A run that never does, or diverged, is censored at its end and is kept: its time
counts as the whole budget (restricted mean time: Royston and Parmar, BMC Med. Res. Methodol. 13,
2013). All runs of a contrast have the same budget, so nothing is censored before it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.families import holm_by_family
from polymath.evaluation.statistics import bootstrap_interval, compare_pairs, estimate_mean
from polymath.evaluation.tables import CONDITION_COLUMNS, CONVERGENCE_SCHEMA, FAMILY
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import Contrast

Floats = NDArray[np.float64]

SHARE = 0.9


@dataclass(frozen=True)
class Curve:
    """One replicate's dev curve, from before the first step to the end of training."""

    examples: Floats
    scores: Floats
    seconds: Floats
    finished: bool
    """False if the replicate diverged."""


@dataclass(frozen=True)
class Learning:
    """How a condition learned: its replicates' curves, and what they are measured by."""

    domain: str
    metric: str
    chance: float
    curves: Mapping[int, Curve]

    @property
    def final(self) -> float:
        """Mean dev score at the end, over the replicates that finished; NaN if none did."""
        ends = [curve.scores[-1] for curve in self.curves.values() if curve.finished]
        return float(np.mean(ends)) if ends else math.nan

    @property
    def budget(self) -> float:
        """Examples that a replicate sees at most."""
        return max(curve.examples[-1] for curve in self.curves.values())


def measure_convergence(
    learning: Mapping[Condition, Learning], contrasts: Sequence[Contrast]
) -> pd.DataFrame:
    """Return one row per contrast: how fast both arms reach the target.

    Args:
        learning: of every condition in a contrast.
    """
    rows = []
    for contrast in contrasts:
        condition, reference = learning[contrast.condition], learning[contrast.reference]
        names = {**contrast.columns(condition.domain), "metric": condition.metric}
        rows.append({**names, **compare_speed(condition, reference)})
    table = pd.DataFrame(rows, columns=CONVERGENCE_SCHEMA.names)
    table["p_holm"] = holm_by_family(table, FAMILY)
    return table


def read_chances(scores: pd.DataFrame) -> dict[Condition, float]:
    """Return the dev score of always answering the most common class, per condition."""
    dev = scores[(scores["split"] == "dev") & scores["headline"]]
    chances = dev.groupby([*CONDITION_COLUMNS])["chance"].max()
    return {Condition(*names): float(chance) for names, chance in chances.items()}


def read_learning(curves: pd.DataFrame, metadata: Mapping[str, Any], chance: float) -> Learning:
    """Return a condition's dev curves from the table that its training left."""
    by_replicate = {
        int(replicate): Curve(
            examples=points["examples"].to_numpy(dtype=float),
            scores=points["dev_score"].to_numpy(dtype=float),
            seconds=points["seconds"].to_numpy(dtype=float),
            finished=str(replicate) not in metadata["diverged"],
        )
        for replicate, points in curves.groupby("replicate")
    }
    return Learning(metadata["domain"], metadata["metric"], chance, by_replicate)


def time_to(target: float, scores: Floats, times: Floats) -> float:
    """Return when a curve first reaches a target, by linear interpolation; infinity if never.

    At least 1 (an example, a second), so that ratios of times exist.

    Args:
        scores: (points,) dev scores.
        times: (points,) examples seen, or seconds.
    """
    above = np.flatnonzero(scores >= target)
    if not len(above):
        return math.inf
    first = above[0]
    if first == 0:
        return max(1.0, float(times[0]))
    before, after = scores[first - 1], scores[first]
    share = (target - before) / (after - before)
    return max(1.0, float(times[first - 1] + share * (times[first] - times[first - 1])))


def area_under(curve: Curve) -> float:
    """Return the mean dev score over the budget: the area under the curve by its width.

    NaN for a replicate that diverged.
    """
    if not curve.finished:
        return math.nan
    width = curve.examples[-1] - curve.examples[0]
    return float(np.trapezoid(curve.scores, curve.examples) / width)


def median_time(times: Floats) -> float:
    """Return the Kaplan-Meier median: infinity if fewer than half of the runs reach the target.

    The only censoring is at the common budget, where the estimate is the order statistic.

    Args:
        times: (n,) infinite for runs that never reach it.
    """
    return float(np.sort(times)[(len(times) - 1) // 2])


def speed_ratio(reference: Floats, times: Floats, axis: int = -1) -> Floats:
    """Return mean reference time by mean time: above 1 where the arm is faster."""
    return np.mean(reference, axis=axis) / np.mean(times, axis=axis)


def compare_speed(condition: Learning, reference: Learning) -> dict[str, Any]:
    """Return how fast a condition and its reference reach the target, paired by replicate.

    Only the number of replicates is filled in if neither arm ends above chance: there is no target.
    """
    replicates = sorted(condition.curves.keys() & reference.curves.keys())
    best = np.fmax(condition.final, reference.final)
    if not best > condition.chance or not replicates:
        return {"n": len(replicates), "differences": None}
    target = condition.chance + SHARE * (best - condition.chance)
    budget = max(condition.budget, reference.budget)
    arms = [
        [learning.curves[replicate] for replicate in replicates]
        for learning in (condition, reference)
    ]
    reached, reference_reached = (
        np.array([_when(curve, target, curve.examples) for curve in arm]) for arm in arms
    )
    times, reference_times = np.minimum(reached, budget), np.minimum(reference_reached, budget)
    paired = compare_pairs((reference_times - times) / budget)
    return {
        "target": target,
        "budget": budget,
        "reached": int(np.isfinite(reached).sum()),
        "reference_reached": int(np.isfinite(reference_reached).sum()),
        "median": median_time(reached),
        "reference_median": median_time(reference_reached),
        "examples": times.mean(),
        "reference_examples": reference_times.mean(),
        **_ratio("speed_up", reference_times, times),
        "saved": paired.mean.mean,
        **paired.columns,
        **_compare_seconds(arms, target),
        **_compare_areas(arms),
    }


def _when(curve: Curve, target: float, times: Floats) -> float:
    return time_to(target, curve.scores, times) if curve.finished else math.inf


def _ratio(name: str, reference: Floats, times: Floats) -> dict[str, float]:
    interval = bootstrap_interval(reference, times, statistic=speed_ratio)
    return {name: float(speed_ratio(reference, times)), **interval.columns(name)}


def _compare_seconds(arms: list[list[Curve]], target: float) -> dict[str, float]:
    """Seconds of a run that never reaches the target count until its end."""
    times, reference = (
        np.array(
            [min(_when(curve, target, curve.seconds), max(1.0, curve.seconds[-1])) for curve in arm]
        )
        for arm in arms
    )  # fmt: skip
    return {
        "seconds": times.mean(),
        "reference_seconds": reference.mean(),
        **_ratio("seconds_ratio", reference, times),
    }


def _compare_areas(arms: list[list[Curve]]) -> dict[str, float]:
    areas = np.array([[area_under(curve) for curve in arm] for arm in arms])
    areas = areas[:, ~np.isnan(areas).any(axis=0)]
    gain = estimate_mean(areas[0] - areas[1])
    return {
        "area": areas[0].mean() if gain.n else math.nan,
        "reference_area": areas[1].mean() if gain.n else math.nan,
        "area_gain": gain.mean,
        "area_gain_low": gain.low,
        "area_gain_high": gain.high,
    }
