"""How fast arms learn: examples and seconds until a target, and the area under the dev curve.

The target of a comparison is a share of the way from chance to the better arm's final dev score.
A run's time is where its dev curve first reaches the target, by a straight line between
evaluations. A run that never does, or diverged, is censored at its end and is kept: its time
counts as the whole budget (restricted mean time: Royston and Parmar, BMC Med. Res. Methodol. 13,
2013). All runs of a comparison have one budget, so nothing is censored before it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from polymath.evaluation.families import holm_by_family
from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.evaluation.statistics import UNKNOWN, Interval, bootstrap_interval, compare_pairs
from polymath.evaluation.tables import condition_of
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import PAIR_COLUMNS, find_pairs
from polymath.experiment.lineage import Lineage
from polymath.experiment.stage_versions import CONVERGENCE
from polymath.util.storage import read_metadata, read_table, read_tables, write_table

Floats = NDArray[np.float64]

SHARE = 0.9

NUMBERS = (
    "target", "budget", "median", "reference_median", "examples", "reference_examples",
    "speed_up", "speed_up_low", "speed_up_high", "saved", "low", "high", "bootstrap_low",
    "bootstrap_high", "p", "p_holm", "effect", "seconds", "reference_seconds", "seconds_ratio",
    "seconds_ratio_low", "seconds_ratio_high", "area", "reference_area", "area_gain",
    "area_gain_low", "area_gain_high",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in (*PAIR_COLUMNS, "metric")),
        *((name, pa.int32()) for name in ("n", "reached", "reference_reached")),
        *((name, pa.float64()) for name in NUMBERS),
        ("differences", pa.list_(pa.float64())),
    ]
)


@dataclass(frozen=True)
class Curve:
    """One replicate's dev curve, from before the first step to the end of training."""

    examples: Floats
    scores: Floats
    seconds: Floats
    finished: bool
    """False if the replicate diverged."""


Curves = Mapping[int, Curve]


@dataclass(frozen=True)
class Learned:
    """A trained condition: its replicates' curves, and what they are measured by."""

    domain: str
    metric: str
    chance: float
    curves: Curves

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
    curves: Sequence[Path], scores: Sequence[Path], lineage: Lineage, output: Path
) -> pd.DataFrame:
    """Write one row a comparison: how fast both arms reach the target.

    Args:
        curves: of every condition that is trained.
        scores: tables that hold the scores of these conditions: they know the dev set's chance.
    """
    chances = read_chances(scores)
    learned = {
        condition: read_learned(path, chances[condition])
        for path in curves
        for condition in [condition_of(path)]
    }
    domains = {condition.task: one.domain for condition, one in learned.items()}
    rows = [
        {**pair.columns(one.domain), "metric": one.metric, **compare_speed(one, other)}
        for pair in find_pairs(list(learned), domains, lineage)
        for one, other in [(learned[pair.condition], learned[pair.reference])]
    ]
    table = pd.DataFrame(rows, columns=SCHEMA.names)
    table["p_holm"] = holm_by_family(table)
    write_table(table, output, SCHEMA, {"code_version": CONVERGENCE, "share": SHARE})
    return table


def read_chances(scores: Sequence[Path]) -> dict[Condition, float]:
    """Read each condition's score of always answering the commonest class, on dev."""
    table = read_tables(scores)
    dev = table[(table["split"] == "dev") & table["headline"]]
    chances = dev.groupby([*CONDITION_COLUMNS])["chance"].max()
    return {Condition(*names): float(chance) for names, chance in chances.items()}


def read_learned(curves: Path, chance: float) -> Learned:
    """Read a condition's dev curves."""
    metadata = read_metadata(curves)
    by_replicate = {
        int(replicate): Curve(
            examples=part["examples"].to_numpy(dtype=float),
            scores=part["dev_score"].to_numpy(dtype=float),
            seconds=part["seconds"].to_numpy(dtype=float),
            finished=str(replicate) not in metadata["diverged"],
        )
        for replicate, part in read_table(curves).groupby("replicate")
    }
    return Learned(metadata["domain"], metadata["metric"], chance, by_replicate)


def time_to(target: float, scores: Floats, times: Floats) -> float:
    """Return when a curve first reaches a target, by a straight line; infinity if never.

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
    part = (target - before) / (after - before)
    return max(1.0, float(times[first - 1] + part * (times[first] - times[first - 1])))


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


def compare_speed(one: Learned, other: Learned) -> dict[str, Any]:
    """Return how fast a condition and its reference reach the target, paired by replicate.

    All is empty but the number of pairs if neither arm ends above chance: there is no way to go.
    """
    both = sorted(one.curves.keys() & other.curves.keys())
    best = np.fmax(one.final, other.final)
    if not best > one.chance or not both:
        return {"n": len(both), "differences": None}
    target = one.chance + SHARE * (best - one.chance)
    budget = max(one.budget, other.budget)
    arms = [[side.curves[replicate] for replicate in both] for side in (one, other)]
    reached, reference = (
        np.array([_when(curve, target, curve.examples) for curve in arm]) for arm in arms
    )
    times, reference_times = (np.minimum(found, budget) for found in (reached, reference))
    saved = (reference_times - times) / budget
    paired = compare_pairs(saved)
    return {
        "n": len(both),
        "target": target,
        "budget": budget,
        "reached": int(np.isfinite(reached).sum()),
        "reference_reached": int(np.isfinite(reference).sum()),
        "median": median_time(reached),
        "reference_median": median_time(reference),
        "examples": times.mean(),
        "reference_examples": reference_times.mean(),
        **_ratio("speed_up", reference_times, times),
        "saved": paired.mean.mean,
        "low": paired.mean.low,
        "high": paired.mean.high,
        **paired.bootstrap.columns("bootstrap"),
        "p": paired.p,
        "effect": paired.effect,
        "differences": saved,
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
            [min(_when(one, target, one.seconds), max(1.0, one.seconds[-1])) for one in arm]
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
    gain = areas[0] - areas[1]
    paired = compare_pairs(gain)
    interval = Interval(paired.mean.low, paired.mean.high) if len(gain) else UNKNOWN
    return {
        "area": areas[0].mean() if len(gain) else math.nan,
        "reference_area": areas[1].mean() if len(gain) else math.nan,
        "area_gain": paired.mean.mean,
        **interval.columns("area_gain"),
    }
