"""How fast arms learn: relative speed, time to the same score, area under the dev curve.

Relative speed asks how early an arm covers 90 % of the way from chance to its own mean final dev
score: it does not depend on where the arm ends. The time to the same score has one target for both
arms, 90 % of the way to the better arm's end, and so is largely about the level: an arm that ends
below the target never reaches it.

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

from polymath.evaluation.arrays import Floats
from polymath.evaluation.metrics import limits_of
from polymath.evaluation.paired import compare_pairs, correct_by_family
from polymath.evaluation.rate_sensitivity import RateChoice, qualify, read_choice
from polymath.evaluation.statistics import bootstrap_interval, estimate_mean
from polymath.evaluation.tables import CONDITION_COLUMNS, CONVERGENCE_SCHEMA, FAMILY
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import Contrast

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
    choice: RateChoice
    """How the condition came by its learning rate."""
    has_learned: bool = True
    """False if its test scores show little or nothing learned."""

    @property
    def final(self) -> float:
        """Mean dev score at the end, over the replicates that finished; NaN if none did."""
        ends = [curve.scores[-1] for curve in self.curves.values() if curve.finished]
        return float(np.mean(ends)) if ends else math.nan

    @property
    def target(self) -> float:
        """Dev score at 90 % of the way from chance to the arm's own end; NaN if it ends there.

        An arm ends above chance if its mean final dev score does by more than its standard error,
        and its test scores show something learned: 90 % of the way to nothing is noise, and the
        few items of a dev set that all replicates share can be above chance by luck.
        """
        if not self.has_learned:
            return math.nan
        ends = [curve.scores[-1] for curve in self.curves.values() if curve.finished]
        error = float(np.std(ends, ddof=1) / np.sqrt(len(ends))) if len(ends) > 1 else 0.0
        if not self.final - error > self.chance:
            return math.nan
        return self.chance + SHARE * (self.final - self.chance)

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
        names = {
            **contrast.columns(condition.domain),
            "metric": condition.metric,
            "qualifier": qualify([condition.choice, reference.choice]),
        }
        rows.append({**names, **compare_speed(condition, reference)})
    table = pd.DataFrame(rows, columns=CONVERGENCE_SCHEMA.names)
    return correct_by_family(table, FAMILY)[CONVERGENCE_SCHEMA.names]


def read_chances(scores: pd.DataFrame) -> dict[Condition, float]:
    """Return the dev score of always answering the most common class, per condition."""
    dev = scores[(scores["split"] == "dev") & scores["headline"]]
    chances = dev.groupby([*CONDITION_COLUMNS])["chance"].max()
    return {Condition(*names): float(chance) for names, chance in chances.items()}


def read_learning(
    curves: pd.DataFrame, metadata: Mapping[str, Any], chance: float, has_learned: bool
) -> Learning:
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
    choice = read_choice(metadata)
    return Learning(
        metadata["domain"], metadata["metric"], chance, by_replicate, choice, has_learned
    )


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
    """Return how fast a condition and its reference learn, paired by replicate.

    Only what both targets have in common is filled in if an arm has none of its own, and only the
    number of replicates if neither ends above chance, or has learned.
    """
    replicates = sorted(condition.curves.keys() & reference.curves.keys())
    best = np.fmax(condition.final, reference.final)
    learned = condition.has_learned or reference.has_learned
    if not (learned and best > condition.chance) or not replicates:
        return {"n": len(replicates), "differences": None}
    budget = max(condition.budget, reference.budget)
    arms = [
        [learning.curves[replicate] for replicate in replicates]
        for learning in (condition, reference)
    ]
    target = condition.chance + SHARE * (best - condition.chance)
    return {
        "n": len(replicates),
        "budget": budget,
        **_compare_own_targets(arms, (condition, reference), budget),
        **_compare_same_target(arms, target, budget),
        **_compare_seconds(arms, target),
        **_compare_areas(arms, condition.metric),
    }


def _times_to(arm: list[Curve], target: float) -> Floats:
    """Return the examples until each run reaches a target; infinite for those that never do."""
    return np.array([_when(curve, target, curve.examples) for curve in arm])


def own_times(arm: list[Curve], learning: Learning, budget: float) -> tuple[Floats, float]:
    """Return when each run reaches its arm's own target, and how uncertain the target makes that.

    The target is a share of the way to a mean of few ends, and all runs share it. The second number
    is the standard error that this causes in their mean time: half the difference of the times to
    the target a standard error higher and lower. NaN if fewer than two runs finished.

    Returns:
        (n,) shares of the budget, and the error in the same unit.
    """
    ends = [curve.scores[-1] for curve in learning.curves.values() if curve.finished]
    times = np.minimum(_times_to(arm, learning.target), budget) / budget
    if len(ends) < 2:
        return times, math.nan
    shift = SHARE * float(np.std(ends, ddof=1)) / math.sqrt(len(ends))
    higher, lower = (
        np.minimum(_times_to(arm, learning.target + each), budget).mean() / budget
        for each in (shift, -shift)
    )
    return times, float(higher - lower) / 2


def _compare_own_targets(
    arms: list[list[Curve]], learnings: tuple[Learning, Learning], budget: float
) -> dict[str, Any]:
    """Return the lead of the first arm: the share of the budget by which it is earlier."""
    targets = [learning.target for learning in learnings]
    if math.isnan(sum(targets)):
        return {"differences": None}
    (own, error), (reference, reference_error) = (
        own_times(arm, learning, budget) for arm, learning in zip(arms, learnings, strict=True)
    )
    target_error = math.hypot(error, reference_error)
    return {
        "own_target": targets[0],
        "reference_own_target": targets[1],
        "own_time": own.mean(),
        "reference_own_time": reference.mean(),
        "lead": (reference - own).mean(),
        "target_error": target_error,
        **compare_pairs(reference - own, target_error, len(own) - 1, widest=1),
    }


def _compare_same_target(arms: list[list[Curve]], target: float, budget: float) -> dict[str, Any]:
    reached, reference_reached = (_times_to(arm, target) for arm in arms)
    times, reference_times = np.minimum(reached, budget), np.minimum(reference_reached, budget)
    saved = estimate_mean((reference_times - times) / budget).within(-1, 1)
    return {
        "target": target,
        "reached": int(np.isfinite(reached).sum()),
        "reference_reached": int(np.isfinite(reference_reached).sum()),
        "median": median_time(reached),
        "reference_median": median_time(reference_reached),
        "examples": times.mean(),
        "reference_examples": reference_times.mean(),
        **_ratio("speed_up", reference_times, times),
        **saved.columns("saved"),
    }


def _when(curve: Curve, target: float, times: Floats) -> float:
    return time_to(target, curve.scores, times) if curve.finished else math.inf


def _ratio(name: str, reference: Floats, times: Floats) -> dict[str, float]:
    interval = bootstrap_interval(reference, times, statistic=speed_ratio)
    return {name: float(speed_ratio(reference, times)), **interval.columns(name)}


def _compare_seconds(arms: list[list[Curve]], target: float) -> dict[str, float]:
    """Return each arm's mean seconds to a target, and their ratio with its interval.

    A run that never reaches it counts until its end.
    """
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


def _compare_areas(arms: list[list[Curve]], metric: str) -> dict[str, float]:
    areas = np.array([[area_under(curve) for curve in arm] for arm in arms])
    areas = areas[:, ~np.isnan(areas).any(axis=0)]
    worst, best = limits_of(metric)
    gain = estimate_mean(areas[0] - areas[1]).within(worst - best, best - worst)
    return {
        "area": areas[0].mean() if gain.n else math.nan,
        "reference_area": areas[1].mean() if gain.n else math.nan,
        **gain.columns("area_gain"),
    }
