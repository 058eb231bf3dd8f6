"""How much of a score's variance comes from each stream of seeds, where streams are crossed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from polymath.evaluation.arrays import Floats
from polymath.evaluation.statistics import CONFIDENCE
from polymath.evaluation.tables import CONDITION_COLUMNS, VARIANCE_SCHEMA
from polymath.experiment.conditions import NONE

RESIDUAL = "residual"


@dataclass(frozen=True)
class Component:
    """One stream's share of the variance, in squared scores; below 0 by chance if it is small.

    `p` tests that it is 0; the 95 % interval is of its ratio to the residual variance.
    """

    stream: str
    levels: int
    variance: float
    p: float = math.nan
    ratio_low: float = math.nan
    ratio_high: float = math.nan


def split_variance(scores: pd.DataFrame, crossed: Mapping[str, int]) -> pd.DataFrame:
    """Return one row per condition and crossed stream, and one for the residual.

    A condition of which a replicate diverged is left out: the design has a hole. So are baselines.

    Args:
        scores: of every condition.
        crossed: how many seeds of each stream are combined.
    """
    rows = []
    streams = [stream for stream, levels in crossed.items() if levels > 1]
    test = scores[(scores["split"] == "test") & scores["headline"] & (scores["init"] != NONE)]
    for _, table in test.groupby([*CONDITION_COLUMNS], sort=False):
        if table["value"].isna().any():
            continue
        names = table.iloc[0][[*CONDITION_COLUMNS, "domain", "metric"]].to_dict()
        seeds = {stream: table[f"{stream}_seed"].to_numpy() for stream in streams}
        for component in components(table["value"].to_numpy(), seeds):
            deviation = math.sqrt(max(0.0, component.variance))
            rows.append({**names, "n": len(table), **component.__dict__, "deviation": deviation})
    return pd.DataFrame(rows, columns=VARIANCE_SCHEMA.names)


def components(values: Floats, seeds: Mapping[str, NDArray[np.int64]]) -> list[Component]:
    """Return the variance components of a balanced crossed design, one value per cell.

    Random effects without interactions, by the method of moments (Searle, Casella and McCulloch,
    Variance Components, 1992, chapter 4). Interactions of streams are in the residual; with three
    or more streams, they are in the streams' own components too.

    Args:
        values: (n,) scores.
        seeds: (n,) the level of each stream, each with two levels or more.
    """
    n, mean = len(values), values.mean()
    free_residual = n - 1 - sum(len(np.unique(levels)) - 1 for levels in seeds.values())
    residual = float(np.sum((values - mean) ** 2))
    squares = {}
    for stream, levels in seeds.items():
        means = np.array([values[levels == level].mean() for level in np.unique(levels)])
        per_level = n // len(means)
        between = per_level * float(np.sum((means - mean) ** 2))
        residual -= between
        squares[stream] = (between / (len(means) - 1), len(means), per_level)
    # Of a single stream all variance is its own.
    noise = max(residual, 0.0) / free_residual if free_residual else 0.0
    parts = [
        _component(stream, *square, noise, free_residual) for stream, square in squares.items()
    ]
    return [*parts, Component(RESIDUAL, n, noise)] if free_residual else parts


def _component(
    stream: str, square: float, levels: int, per_level: int, noise: float, free_noise: int
) -> Component:
    """Return a stream's component; its test and interval are exact for normal effects.

    Source: Searle et al., section 3.6.
    """
    variance = (square - noise) / per_level
    if noise == 0:
        return Component(stream, levels, variance)
    ratio, free = square / noise, levels - 1
    upper, lower = stats.f.ppf([(1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2], free, free_noise)
    return Component(
        stream,
        levels,
        variance,
        p=float(stats.f.sf(ratio, free, free_noise)),
        ratio_low=max(0.0, float((ratio / upper - 1) / per_level)),
        ratio_high=max(0.0, float((ratio / lower - 1) / per_level)),
    )
