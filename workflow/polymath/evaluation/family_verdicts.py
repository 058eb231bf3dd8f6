"""One verdict per claim, model and data fraction over all its tasks together.

A family holds each task once, whatever its recipe, mapping or in-domain model. Where a task has
several of one of these, each is a family of its own.
"""

from collections import defaultdict
from collections.abc import Container, Iterator
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.family_test import (
    FamilyTest,
    Stratum,
    pooled_difference,
    sign_flip_together,
)
from polymath.evaluation.qualifiers import join_qualifiers, split_qualifiers
from polymath.evaluation.statistics import ALPHA, UNKNOWN, p_in_words
from polymath.evaluation.tables import FAMILY_VERDICT_COLUMNS, FAMILY_VERDICT_SCHEMA
from polymath.util.words import join_words

# What a task may have several of, in the order in which families are split by it.
SPLIT = ("mapping", "recipe", "reference")
# Claims about what training reaches, where a baseline says how hard the task is.
OF_TRAINING = ("faster", "better", "near in-domain", "as it is")


def judge_families(rows: pd.DataFrame, with_baseline: Container[str]) -> pd.DataFrame:
    """Return one row per family that has a comparison.

    Args:
        rows: the claims' rows before they are decided: with `differences`, `shared_error`, `reason`
            and `span`, the distance from chance to a perfect score, which puts scores on one scale;
            `widest` is the largest difference that is possible.
        with_baseline: tasks with a baseline such as n-grams.
    """
    compared = rows[rows["n"].notna()]
    families = [
        _judge_family(family, with_baseline)
        for _, group in compared.groupby(["claim", "model", "fraction"], sort=False)
        for family in _split(group)
    ]
    table = pd.DataFrame(families, columns=FAMILY_VERDICT_SCHEMA.names)
    return table.astype({"tasks": "Int32", "pairs": "Int32", "looks": "Int32"})


def _split(group: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the families of a group: each holds a task once."""
    several = [name for name in SPLIT if group.groupby("task")[name].nunique().max() > 1]
    if not several:
        yield group
        return
    for _, family in group.groupby(several, sort=False):
        yield family


def _judge_family(family: pd.DataFrame, with_baseline: Container[str]) -> dict[str, Any]:
    tested = family[(family["reason"] == "") & (family["n"] > 0)]
    strata = [_stratum(row, 1.0) for row in tested.to_dict("records")]
    scaled = [_stratum(row, row["span"]) for row in tested.to_dict("records")]
    test = sign_flip_together(strata) if strata else FamilyTest(0.0, np.nan)
    iqm, interval = pooled_difference(scaled) if scaled else (np.nan, UNKNOWN)
    verdict, reason = _verdict(test, iqm)
    return {
        **{name: ", ".join(dict.fromkeys(family[name])) for name in FAMILY_VERDICT_COLUMNS},
        "verdict": verdict,
        "qualifier": _qualifier(tested, with_baseline),
        "reason": reason,
        "tasks": len(tested),
        "pairs": int(tested["n"].sum()),
        "looks": tested["looks"].max() if len(tested) else None,
        "p": test.p,
        "iqm": iqm,
        **interval.within(-_widest(tested), _widest(tested)).columns("iqm"),
        "members": ", ".join(tested["task"]),
        "left_out": "; ".join(
            f"{row['task']}: {row['reason']}"
            for row in family[~family.index.isin(tested.index)].to_dict("records")
        ),
    }


def _widest(tested: pd.DataFrame) -> float:
    """Return the largest difference that is possible on the scale of the family's tasks."""
    widest = [row["widest"] / _span(row["span"]) for row in tested.to_dict("records")]
    return max((each for each in widest if not pd.isna(each)), default=np.inf)


def _span(span: float) -> float:
    return 1.0 if pd.isna(span) or span == 0 else span  # a test set of one class has no span


def _stratum(row: dict[str, Any], span: float) -> Stratum:
    span = _span(span)
    shared_error = 0.0 if pd.isna(row["shared_error"]) else row["shared_error"]
    return Stratum(np.asarray(row["differences"]) / span, shared_error / span)


def _qualifier(tested: pd.DataFrame, with_baseline: Container[str]) -> str:
    """Return the members' qualifiers, and that no baseline stands beside them, with the tasks."""
    tasks_of: dict[str, list[str]] = defaultdict(list)
    for row in tested.to_dict("records"):
        qualifiers = row["qualifier"] if isinstance(row["qualifier"], str) else ""
        for qualifier in split_qualifiers(qualifiers):
            tasks_of[qualifier].append(row["task"])
        if row["claim"] in OF_TRAINING and row["task"] not in with_baseline:
            tasks_of["without a baseline"].append(row["task"])
    return join_qualifiers(
        qualifier if len(tasks) == len(tested) else f"{qualifier} for {join_words(tasks)}"
        for qualifier, tasks in tasks_of.items()
    )


def _verdict(test: FamilyTest, iqm: float) -> tuple[str, str]:
    """Return the verdict and its reason.

    The test weighs tasks by their scatter, and the number that is shown does not: where tasks pull
    in both directions, the two may differ in sign.
    """
    if np.isnan(test.p):
        return "undecided", "no task can be judged"
    reason = p_in_words(test.p)
    if test.p > ALPHA:
        return "undecided", reason
    if iqm * test.direction <= 0:
        return "undecided", f"{reason}, but the tasks' differences have both signs"
    return ("supported" if test.direction > 0 else "contradicted"), reason
