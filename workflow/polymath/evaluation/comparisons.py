"""Estimates of each condition, comparisons of contrasts, and summaries across tasks.

Two kinds of uncertainty are kept apart: of training (replicates: other seeds, the same test
items) and of the test set (items: other items, the same trained models).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.families import holm_by_family
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
from polymath.evaluation.tables import (
    COMPARISON_SCHEMA,
    CONDITION_COLUMNS,
    ESTIMATE_SCHEMA,
    FAMILY,
    SUMMARY_SCHEMA,
)
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import Contrast

Floats = NDArray[np.float64]
# Of one condition, each replicate's scores on the resampled test items, (resamples,).
Resampled = Mapping[int, Floats]


@dataclass(frozen=True)
class HeadlineScores:
    """A condition's headline test scores, and what its replicates share."""

    domain: str
    metric: str
    learning_rate: float
    """NaN for baselines."""
    items: float
    """Test items; NaN if no replicate finished."""
    chance: float
    values: dict[int, float]
    """By replicate; those that diverged have none."""
    diverged: int


def headline_scores(scores: pd.DataFrame) -> dict[Condition, HeadlineScores]:
    """Return every condition's headline test scores from the tables of scores."""
    table = scores[(scores["split"] == "test") & scores["headline"]]
    headline = {}
    for names, rows in table.groupby([*CONDITION_COLUMNS], sort=False):
        finished = rows[rows["value"].notna()]
        headline[Condition(*names)] = HeadlineScores(
            domain=rows["domain"].iloc[0],
            metric=rows["metric"].iloc[0],
            learning_rate=float(rows["learning_rate"].iloc[0]),
            items=finished["items"].astype(float).max(),
            chance=finished["chance"].astype(float).max(),
            values=dict(zip(finished["replicate"], finished["value"], strict=True)),
            diverged=len(rows) - len(finished),
        )
    return headline


def compare_scores(
    scores: Mapping[Condition, HeadlineScores],
    contrasts: Sequence[Contrast],
    resample: Callable[[Condition], Resampled],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the estimate of each condition and the comparison of each contrast, as tables.

    Args:
        resample: returns a condition's scores on resampled test items.
    """
    contrasts_of = defaultdict(list)
    for contrast in contrasts:
        contrasts_of[contrast.condition.task].append(contrast)
    estimates, comparisons = [], []
    for task in dict.fromkeys(condition.task for condition in scores):
        # Only one task's resampled scores are in memory at a time.
        resampled = {
            condition: resample(condition) for condition in scores if condition.task == task
        }
        estimates += [_estimate(name, scores[name], resampled[name]) for name in resampled]
        comparisons += [_compare(contrast, scores, resampled) for contrast in contrasts_of[task]]
    table = pd.DataFrame(comparisons, columns=COMPARISON_SCHEMA.names)
    table["p_holm"] = holm_by_family(table, FAMILY)
    return pd.DataFrame(estimates, columns=ESTIMATE_SCHEMA.names), table


def _estimate(condition: Condition, scores: HeadlineScores, resampled: Resampled) -> dict[str, Any]:
    """Return a condition's mean score with its intervals over replicates and over items."""
    values = np.array(list(scores.values.values()))
    mean = estimate_mean(values)
    return {
        **condition.columns,
        "domain": scores.domain,
        "metric": scores.metric,
        "diverged": scores.diverged,
        **mean.__dict__,
        "deviation": float(np.std(values, ddof=1)) if mean.n > 1 else np.nan,
        **bootstrap_interval(values).columns("bootstrap"),
        **_items_interval([*resampled.values()]).columns("items"),
    }


def _compare(
    contrast: Contrast,
    scores: Mapping[Condition, HeadlineScores],
    resampled: Mapping[Condition, Resampled],
) -> dict[str, Any]:
    """Return the paired difference of two conditions, over the replicates that both finished."""
    condition, reference = scores[contrast.condition], scores[contrast.reference]
    replicates = sorted(condition.values.keys() & reference.values.keys())
    values, reference_values = (
        np.array([arm.values[replicate] for replicate in replicates])
        for arm in (condition, reference)
    )
    paired = compare_pairs(values - reference_values)
    resampled_differences = [
        resampled[contrast.condition][replicate] - resampled[contrast.reference][replicate]
        for replicate in replicates
    ]
    return {
        **contrast.columns(condition.domain),
        "metric": condition.metric,
        "diverged": condition.diverged + reference.diverged,
        "mean": values.mean() if replicates else np.nan,
        "reference_mean": reference_values.mean() if replicates else np.nan,
        "chance": condition.chance,
        "difference": paired.mean.mean,
        **paired.columns,
        **_items_interval(resampled_differences).columns("items"),
    }


def _items_interval(resampled: list[Floats]) -> Interval:
    return percentiles(np.mean(resampled, axis=0)) if resampled else UNKNOWN


def summarise(
    contrasts: Sequence[Contrast], scores: Mapping[Condition, HeadlineScores]
) -> pd.DataFrame:
    """Return one row per family of contrasts: how the arms compare across its tasks.

    Scores are put on one scale first: 0 is chance, 1 is perfect.
    """
    families: dict[tuple[str, ...], list[Contrast]] = defaultdict(list)
    for contrast in contrasts:
        names = contrast.columns("")
        families[tuple(names[name] for name in FAMILY)].append(contrast)
    rows = (_summarise_family(*family, scores) for family in families.items())
    return pd.DataFrame([row for row in rows if row], columns=SUMMARY_SCHEMA.names)


def _summarise_family(
    names: tuple[str, ...],
    contrasts: Sequence[Contrast],
    scores: Mapping[Condition, HeadlineScores],
) -> dict[str, Any] | None:
    """Return a family's row; None if no replicate of any contrast finished in both arms."""
    strata = [_normalise(contrast, scores) for contrast in contrasts]
    strata = [stratum for stratum in strata if len(stratum)]
    if not strata:
        return None
    pooled = np.concatenate(strata)
    return {
        **dict(zip(FAMILY, names, strict=True)),
        "tasks": len({contrast.condition.task for contrast in contrasts}),
        "rows": len(strata),
        "runs": len(pooled),
        "iqm": float(interquartile_mean(pooled[:, 0])),
        "reference_iqm": float(interquartile_mean(pooled[:, 1])),
        "gain": float(interquartile_gain(strata)),
        **stratified_interval(strata, interquartile_gain).columns("gain"),
        "improvement": float(improvement_probability(strata)),
        **stratified_interval(strata, improvement_probability).columns("improvement"),
    }


def _normalise(contrast: Contrast, scores: Mapping[Condition, HeadlineScores]) -> Floats:
    """Return (n, 2) scores of a contrast's replicates, chance at 0 and a perfect score at 1."""
    condition, reference = scores[contrast.condition], scores[contrast.reference]
    replicates = sorted(condition.values.keys() & reference.values.keys())
    values = [[condition.values[number], reference.values[number]] for number in replicates]
    return (np.array(values).reshape(-1, 2) - condition.chance) / (1 - condition.chance)
