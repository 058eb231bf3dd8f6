"""Estimates of each condition, comparisons of contrasts, and summaries across tasks.

Two kinds of uncertainty are shown apart: of training (replicates: other seeds, the same test
items) and of the test set (items: other items, the same trained models). The test of a difference
knows both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.arrays import Floats
from polymath.evaluation.mean_test import t_test
from polymath.evaluation.metrics import limits_of
from polymath.evaluation.paired import compare_pairs, correct_by_family
from polymath.evaluation.predictions import Resampled
from polymath.evaluation.rate_sensitivity import RateChoice, qualify
from polymath.evaluation.statistics import (
    bootstrap_interval,
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
from polymath.experiment.contrasts import SCRATCH, Contrast

# The midpoint of random weights and an in-domain model: a text model above it has gained more than
# half of what knowledge of the domain gains.
HALFWAY = "halfway"
# An arm of a comparison: a weighted sum of conditions, which count with these weights.
Arm = Sequence[tuple[float, Condition]]


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
    auc: dict[int, float]
    """ROC-AUC by replicate; empty for values, and where test has one class."""
    positive: str
    """The class that F1, AUC and average precision are of; empty unless there are two."""
    one_class: int
    """Replicates that predict one class only."""


def headline_scores(scores: pd.DataFrame) -> dict[Condition, HeadlineScores]:
    """Return every condition's headline test scores from the tables of scores."""
    test = scores[scores["split"] == "test"]
    table = test[test["headline"]]
    aucs = {
        names: dict(zip(rows["replicate"], rows["value"], strict=True))
        for names, rows in test[(test["metric"] == "roc_auc") & test["value"].notna()].groupby(
            [*CONDITION_COLUMNS], sort=False
        )
    }
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
            auc=aucs.get(names, {}),
            positive=rows["positive"].iloc[0],
            one_class=int((rows["answers"] == 1).sum()),
        )
    return headline


def compare_scores(
    scores: Mapping[Condition, HeadlineScores],
    contrasts: Sequence[Contrast],
    resample: Callable[[Condition], Resampled],
    choices: Mapping[Condition, RateChoice],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the estimate of each condition and the comparison of each contrast, as tables.

    A contrast with an in-domain model has a second comparison where there are random weights too:
    with the midpoint of both.

    Args:
        resample: returns a condition's scores on resampled test items.
        choices: how each trained condition came by its learning rate.
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
        comparisons += [
            _compare(names, condition, reference, scores, resampled, choices)
            for names, condition, reference in _comparisons_of(contrasts_of[task])
        ]
    table = pd.DataFrame(comparisons, columns=COMPARISON_SCHEMA.names)
    table = correct_by_family(table, FAMILY)[COMPARISON_SCHEMA.names]
    return pd.DataFrame(estimates, columns=ESTIMATE_SCHEMA.names), table


def _comparisons_of(
    contrasts: Sequence[Contrast],
) -> Iterator[tuple[dict[str, str], Condition, Arm]]:
    """Yield what names each comparison of a task, its condition and what it is compared with."""
    scratch = {each.condition: each.reference for each in contrasts if each.against == SCRATCH}
    for contrast in contrasts:
        names = contrast.columns("")
        yield names, contrast.condition, [(1.0, contrast.reference)]
        if contrast.against != SCRATCH and contrast.condition in scratch:
            between = [(0.5, contrast.reference), (0.5, scratch[contrast.condition])]
            yield names | {"against": HALFWAY}, contrast.condition, between


def _estimate(condition: Condition, scores: HeadlineScores, resampled: Resampled) -> dict[str, Any]:
    """Return a condition's mean score with its intervals over replicates and over items."""
    values = np.array(list(scores.values.values()))
    mean = estimate_mean(values).within(*limits_of(scores.metric))
    aucs = np.array(list(scores.auc.values()))
    auc = estimate_mean(aucs).within(0, 1)
    items = _mean_resampled([*resampled.by_replicate.values()])
    auc_items = _mean_resampled([*resampled.auc.values()])
    return {
        **condition.columns,
        "domain": scores.domain,
        "metric": scores.metric,
        "diverged": scores.diverged,
        "groups": resampled.groups or None,
        **mean.__dict__,
        "deviation": float(np.std(values, ddof=1)) if mean.n > 1 else np.nan,
        **bootstrap_interval(values).columns("bootstrap"),
        **percentiles(items).columns("items"),
        "combined_low": _combined_low(values, items, resampled.groups),
        **auc.columns("auc"),
        "auc_combined_low": _combined_low(aucs, auc_items, resampled.groups),
        "one_class": scores.one_class,
    }


def _combined_low(values: Floats, items: Floats, groups: int) -> float:
    """Return the lower end of a mean's 95 % interval over replicates and test items together.

    NaN without two replicates; over replicates alone where no two groups of items were drawn.

    Args:
        items: the mean on each resample of the items.
    """
    error = _items_error(items, groups)
    shared = (0.0, 0) if np.isnan(error) else (error, groups - 1)
    test = t_test(values, *shared)
    return test.mean if test.error == 0 else test.low


def _compare(
    names: Mapping[str, str],
    condition: Condition,
    reference: Arm,
    scores: Mapping[Condition, HeadlineScores],
    resampled: Mapping[Condition, Resampled],
    choices: Mapping[Condition, RateChoice],
) -> dict[str, Any]:
    """Return the paired difference of two arms, over the replicates that all of both finished."""
    arms = [condition, *(member for _, member in reference)]
    by_arm = {arm: scores[arm].values for arm in arms}
    drawn = {arm: resampled[arm].by_replicate for arm in arms}
    replicates, differences, items = _subtract(condition, reference, by_arm, drawn)
    reference_values = _combine(reference, replicates, by_arm)
    groups = resampled[condition].groups
    items_error = _items_error(items, groups)
    worst, best = limits_of(scores[condition].metric)
    return {
        **names,
        "domain": scores[condition].domain,
        "metric": scores[condition].metric,
        "qualifier": qualify(choices[arm] for arm in arms),
        "diverged": sum(scores[arm].diverged for arm in arms),
        "items": scores[condition].items,
        "groups": groups or None,
        "mean": (differences + reference_values).mean() if replicates else np.nan,
        "reference_mean": reference_values.mean() if replicates else np.nan,
        "chance": scores[condition].chance,
        "difference": differences.mean() if replicates else np.nan,
        **compare_pairs(differences, items_error, groups - 1, best - worst),
        **percentiles(items).columns("items"),
        "items_error": items_error,
        "domain_gain_low": (
            _gain_low(reference, scores, resampled) if names["against"] == HALFWAY else np.nan
        ),
        **_compare_auc(condition, reference, scores, resampled),
    }


def _gain_low(
    midpoint: Arm,
    scores: Mapping[Condition, HeadlineScores],
    resampled: Mapping[Condition, Resampled],
) -> float:
    """Return the lower end of what the in-domain model of a midpoint gains over random weights."""
    (_, domain), (_, scratch) = midpoint
    values = {arm: scores[arm].values for arm in (domain, scratch)}
    drawn = {arm: resampled[arm].by_replicate for arm in (domain, scratch)}
    _, gains, items = _subtract(domain, [(1.0, scratch)], values, drawn)
    return _combined_low(gains, items, resampled[domain].groups)


def _subtract(
    condition: Condition,
    reference: Arm,
    values: Mapping[Condition, Mapping[int, float]],
    drawn: Mapping[Condition, Mapping[int, Floats]],
) -> tuple[list[int], Floats, Floats]:
    """Return the replicates that all arms finished, their differences, and the mean difference on
    each resample.

    One linear combination per replicate carries both uncertainties exactly, also where the
    reference is a midpoint.
    """
    replicates = sorted(set.intersection(*(set(of_arm) for of_arm in values.values())))
    less_reference = [(1.0, condition), *((-weight, member) for weight, member in reference)]
    differences = _combine(less_reference, replicates, values)
    return replicates, differences, _mean_resampled(_combine(less_reference, replicates, drawn))


def _items_error(items: Floats, groups: int) -> float:
    """Return the standard error of a mean by the choice of test items; NaN without two groups.

    The bootstrap's variance of a mean over m groups is (m - 1) / m of the unbiased one.
    """
    several = len(items) and groups > 1
    return float(np.std(items) * np.sqrt(groups / (groups - 1))) if several else np.nan


def _compare_auc(
    condition: Condition,
    reference: Arm,
    scores: Mapping[Condition, HeadlineScores],
    resampled: Mapping[Condition, Resampled],
) -> dict[str, float]:
    """Return the AUC of two arms, and their difference with the interval of the headline's test."""
    arms = [condition, *(member for _, member in reference)]
    values = {arm: scores[arm].auc for arm in arms}
    drawn = {arm: resampled[arm].auc for arm in arms}
    replicates, differences, items = _subtract(condition, reference, values, drawn)
    groups = resampled[condition].groups
    test = t_test(differences, _items_error(items, groups), groups - 1).within(-1, 1)
    own = [values[condition][number] for number in replicates]
    auc = float(np.mean(own)) if own else np.nan
    return {
        "auc": auc,
        "reference_auc": auc - test.mean,
        **test.columns("auc_difference"),
    }


def _combine(
    arm: Arm, replicates: Sequence[int], values: Mapping[Condition, Mapping[int, Any]]
) -> Floats:
    """Return an arm's weighted sum of its conditions' values, one row per replicate."""
    rows = [
        sum(weight * np.asarray(values[member][replicate]) for weight, member in arm)
        for replicate in replicates
    ]
    return np.array(rows)


def _mean_resampled(by_replicate: Sequence[Floats] | Floats) -> Floats:
    """Return the mean over replicates on each resample; empty without replicates.

    Resamples that leave the metric undefined, by a single class, are left out.
    """
    means = np.mean(by_replicate, axis=0) if len(by_replicate) else np.zeros(0)
    return np.asarray(means[~np.isnan(means)])


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
    by_contrast = {contrast: _normalise(contrast, scores) for contrast in contrasts}
    compared = {contrast: pairs for contrast, pairs in by_contrast.items() if len(pairs)}
    strata = [*compared.values()]
    if not strata:
        return None
    pooled = np.concatenate(strata)
    return {
        **dict(zip(FAMILY, names, strict=True)),
        "tasks": len({contrast.condition.task for contrast in compared}),
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
    span = 1 - condition.chance or 1.0  # a test set of one class has no span
    return (np.array(values).reshape(-1, 2) - condition.chance) / span
