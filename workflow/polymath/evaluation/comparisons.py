"""Scores to estimates of each condition, comparisons of pairs, and summaries across tasks.

Two kinds of uncertainty are kept apart: of training (replicates: other seeds, the same test
items) and of the test set (items: other items, the same trained models).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from polymath.evaluation.families import holm_by_family
from polymath.evaluation.predictions import read_answers
from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.evaluation.statistics import (
    UNKNOWN,
    Interval,
    bootstrap_interval,
    compare_pairs,
    estimate_mean,
    improvement_probability,
    interquartile_gain,
    interquartile_mean,
    percentiles,
    stratified_interval,
)
from polymath.evaluation.tables import condition_of
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import FAMILY, PAIR_COLUMNS, Pair, find_pairs
from polymath.experiment.lineage import Lineage
from polymath.experiment.stage_versions import COMPARISONS as CODE_VERSION
from polymath.util.storage import read_tables, write_table

Floats = NDArray[np.float64]
# Of one condition, each replicate's scores on the resampled test items, (resamples,).
Resampled = Mapping[int, Floats]

INTERVALS = ("low", "high", "bootstrap_low", "bootstrap_high", "items_low", "items_high")
ESTIMATES = pa.schema(
    [
        *((name, pa.string()) for name in (*CONDITION_COLUMNS, "domain", "metric")),
        *((name, pa.int32()) for name in ("n", "diverged")),
        *((name, pa.float64()) for name in ("mean", "deviation", *INTERVALS)),
    ]
)
COMPARISONS = pa.schema(
    [
        *((name, pa.string()) for name in (*PAIR_COLUMNS, "metric")),
        *((name, pa.int32()) for name in ("n", "diverged")),
        *((name, pa.float64()) for name in ("mean", "reference_mean", "chance", "difference")),
        *((name, pa.float64()) for name in (*INTERVALS, "p", "p_holm", "effect")),
        ("differences", pa.list_(pa.float64())),
    ]
)
ACROSS = ("iqm", "reference_iqm", "gain", "gain_low", "gain_high", "improvement",
          "improvement_low", "improvement_high")  # fmt: skip
SUMMARY = pa.schema(
    [
        *((name, pa.string()) for name in FAMILY),
        *((name, pa.int32()) for name in ("tasks", "rows", "runs")),
        *((name, pa.float64()) for name in ACROSS),
    ]
)


@dataclass(frozen=True)
class Scored:
    """A condition's headline test scores."""

    domain: str
    metric: str
    chance: float
    values: dict[int, float]
    """By replicate; those that diverged have none."""
    diverged: int


@dataclass(frozen=True)
class Evidence:
    """Where the tables of scores go."""

    estimates: Path
    comparisons: Path
    summary: Path


def compare(
    scores: Sequence[Path], predictions: Sequence[Path], lineage: Lineage, outputs: Evidence
) -> pd.DataFrame:
    """Write the estimates, comparisons and summaries of an experiment; return the comparisons.

    Args:
        scores: tables that hold the scores of every condition.
        predictions: of every condition.
    """
    scored = read_scored(scores)
    answered = {condition_of(path): path for path in predictions}
    domains = {condition.task: found.domain for condition, found in scored.items()}
    pairs = find_pairs(list(scored), domains, lineage)
    estimates, comparisons = [], []
    for members, their_pairs in _by_task(list(scored), pairs):
        resampled = {one: read_answers(answered[one]).resampled() for one in members}
        estimates += [estimate(one, scored[one], resampled[one]) for one in members]
        comparisons += [compare_scores(pair, scored, resampled) for pair in their_pairs]
    table = pd.DataFrame(comparisons, columns=COMPARISONS.names)
    table["p_holm"] = holm_by_family(table)
    across = pd.DataFrame(summarise(pairs, scored), columns=SUMMARY.names)
    metadata = {"code_version": CODE_VERSION}
    write_table(pd.DataFrame(estimates), outputs.estimates, ESTIMATES, metadata)
    write_table(table, outputs.comparisons, COMPARISONS, metadata)
    write_table(across, outputs.summary, SUMMARY, metadata)
    return table


def read_scored(scores: Sequence[Path]) -> dict[Condition, Scored]:
    """Read every condition's headline test scores."""
    table = read_tables(scores)
    table = table[(table["split"] == "test") & table["headline"]]
    scored = {}
    for names, part in table.groupby([*CONDITION_COLUMNS], sort=False):
        finished = part[part["value"].notna()]
        scored[Condition(*names)] = Scored(
            domain=part["domain"].iloc[0],
            metric=part["metric"].iloc[0],
            chance=float(finished["chance"].max()),
            values=dict(zip(finished["replicate"], finished["value"], strict=True)),
            diverged=len(part) - len(finished),
        )
    return scored


def _by_task(
    conditions: Sequence[Condition], pairs: Sequence[Pair]
) -> Iterator[tuple[list[Condition], list[Pair]]]:
    """Yield each task's conditions and pairs: only one task's items are held at a time."""
    pairs_of = defaultdict(list)
    for pair in pairs:
        pairs_of[pair.condition.task].append(pair)
    for task in dict.fromkeys(condition.task for condition in conditions):
        yield [one for one in conditions if one.task == task], pairs_of[task]


def estimate(condition: Condition, scored: Scored, resampled: Resampled) -> dict[str, Any]:
    """Return a condition's mean score with its intervals over replicates and over items."""
    values = np.array(list(scored.values.values()))
    mean = estimate_mean(values)
    return {
        **condition.columns,
        "domain": scored.domain,
        "metric": scored.metric,
        "n": mean.n,
        "diverged": scored.diverged,
        "mean": mean.mean,
        "deviation": float(np.std(values, ddof=1)) if mean.n > 1 else np.nan,
        "low": mean.low,
        "high": mean.high,
        **bootstrap_interval(values).columns("bootstrap"),
        **_items_interval([*resampled.values()]).columns("items"),
    }


def compare_scores(
    pair: Pair, scored: Mapping[Condition, Scored], resampled: Mapping[Condition, Resampled]
) -> dict[str, Any]:
    """Return the paired difference of two conditions, over the replicates that both finished."""
    one, other = scored[pair.condition], scored[pair.reference]
    both = sorted(one.values.keys() & other.values.keys())
    values, reference = (np.array([side.values[r] for r in both]) for side in (one, other))
    differences = values - reference
    paired = compare_pairs(differences)
    drawn = [resampled[pair.condition][r] - resampled[pair.reference][r] for r in both]
    return {
        **pair.columns(one.domain),
        "metric": one.metric,
        "n": paired.mean.n,
        "diverged": one.diverged + other.diverged,
        "mean": values.mean() if both else np.nan,
        "reference_mean": reference.mean() if both else np.nan,
        "chance": one.chance,
        "difference": paired.mean.mean,
        "low": paired.mean.low,
        "high": paired.mean.high,
        **paired.bootstrap.columns("bootstrap"),
        **_items_interval(drawn).columns("items"),
        "p": paired.p,
        "effect": paired.effect,
        "differences": differences,
    }


def _items_interval(resampled: list[Floats]) -> Interval:
    return percentiles(np.mean(resampled, axis=0)) if resampled else UNKNOWN


def summarise(
    pairs: Sequence[Pair], scored: Mapping[Condition, Scored]
) -> Iterator[dict[str, Any]]:
    """Yield one row a family: how the arms compare across its tasks.

    Scores are put on one scale first: 0 is chance, 1 is perfect.
    """
    families: dict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        named = pair.columns("")
        families[tuple(named[name] for name in FAMILY)].append(pair)
    for family, members in families.items():
        strata = [_normalised(pair, scored) for pair in members]
        strata = [one for one in strata if len(one)]
        if not strata:
            continue
        pooled = np.concatenate(strata)
        yield {
            **dict(zip(FAMILY, family, strict=True)),
            "tasks": len({pair.condition.task for pair in members}),
            "rows": len(strata),
            "runs": len(pooled),
            "iqm": float(interquartile_mean(pooled[:, 0])),
            "reference_iqm": float(interquartile_mean(pooled[:, 1])),
            "gain": float(interquartile_gain(strata)),
            **stratified_interval(strata, interquartile_gain).columns("gain"),
            "improvement": float(improvement_probability(strata)),
            **stratified_interval(strata, improvement_probability).columns("improvement"),
        }


def _normalised(pair: Pair, scored: Mapping[Condition, Scored]) -> Floats:
    """Return (n, 2) scores of a pair's replicates, chance at 0 and a perfect score at 1."""
    one, other = scored[pair.condition], scored[pair.reference]
    both = sorted(one.values.keys() & other.values.keys())
    values = np.array([[one.values[r], other.values[r]] for r in both]).reshape(-1, 2)
    return (values - one.chance) / (1 - one.chance)
