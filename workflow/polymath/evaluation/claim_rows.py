"""Comparisons to the rows of each claim: its number per replicate, and what hinders a verdict."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.comparisons import HALFWAY
from polymath.evaluation.metrics import limits_of
from polymath.evaluation.qualifiers import join_qualifiers
from polymath.evaluation.ranking import RANKS_NOTHING
from polymath.evaluation.tables import AUC_DIFFERENCE, CLAIM_COLUMNS, CONDITION_COLUMNS
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import PRETRAINED, SCRATCH, TEXT, knows_text_alone
from polymath.experiment.lineage import Lineage

IDLE = "neither arm left chance level"
ABOVE_DOMAIN = "with a mean score above the in-domain model's"
NO_GAIN = "the in-domain model is not shown to gain over random weights"
SETTINGS = ("task", "model", "mapping", "fraction", "recipe", "qualifier")


def of_text(table: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Return the comparisons of text models with random weights, on symbols new to them."""
    is_of_text = [
        row["against"] == SCRATCH
        and knows_text_alone(
            Condition(*(row[name] for name in CONDITION_COLUMNS)), row["domain"], lineage
        )
        for row in table.to_dict("records")
    ]
    return table[np.array(is_of_text, dtype=bool)]


def of_text_as_it_is(table: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Return the comparisons of text models with random weights, on text whose tokens stay."""
    return table[
        (table["against"] == SCRATCH)
        & (table["init"] == PRETRAINED)
        & (table["domain"] == TEXT)
        & (table["mapping"] == "identity")
        & (table["model"].map(lineage.domains) == TEXT)
    ]


def faster_rows(convergence: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the first claim's rows: the lead in relative speed."""
    for row in convergence.to_dict("records"):
        reason = ""
        if math.isnan(row["lead"]):
            reason = IDLE if math.isnan(row["target"]) else "one arm did not leave chance level"
        elif math.isnan(row["target_error"]):
            reason = "fewer than two runs of an arm finished"
        yield {
            **_named("faster", row, SCRATCH),
            **{name: row[name] for name in ("n", "differences")},
            "value": row["lead"],
            "widest": 1.0,
            "shared_error": row["target_error"],
            "shared_df": row["n"] - 1,
            "reason": reason,
        }


def better_rows(comparisons: pd.DataFrame, claim: str = "better") -> Iterator[dict[str, Any]]:
    """Yield the rows of a claim about the difference of test scores."""
    for row in comparisons.to_dict("records"):
        ranks = max(row["auc"], row["reference_auc"]) > RANKS_NOTHING  # False without AUC
        idle = max(row["mean"], row["reference_mean"]) <= row["chance"] and not ranks
        yield {**_named(claim, row, SCRATCH), **_of_scores(row, IDLE if idle else "")}


def near_rows(comparisons: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the third claim's rows: the test score less the midpoint of the two references.

    Without random weights there is no midpoint, and the row has no number.
    """
    keys = [*CONDITION_COLUMNS, "reference_model", "reference_mapping"]
    halfway = {
        tuple(row[key] for key in keys): row
        for row in comparisons[comparisons["against"] == HALFWAY].to_dict("records")
    }
    for row in comparisons[comparisons["against"] == "in-domain"].to_dict("records"):
        names = _named("near in-domain", row, row["reference_model"])
        between = halfway.get(tuple(row[key] for key in keys))
        if between is None:
            yield {**names, "reason": "no random weights beside the in-domain model"}
            continue
        # The midpoint lies below the in-domain model by half of what that gains.
        reason = "" if between["domain_gain_low"] > 0 else NO_GAIN
        above = ABOVE_DOMAIN if row["difference"] > 0 else ""
        qualifier = join_qualifiers([between["qualifier"], above])
        yield {**names, "qualifier": qualifier, **_of_scores(between, reason)}


def _named(claim: str, row: Mapping[str, Any], reference: str) -> dict[str, Any]:
    return {"claim": claim, "reference": reference, **{name: row[name] for name in SETTINGS}}


def _of_scores(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return what a comparison of test scores gives a claim; `span` is from chance to perfect."""
    kept = ("items_low", "items_high", "items", "groups", "n", "differences", *AUC_DIFFERENCE)
    worst, best = limits_of(row["metric"])
    if row["n"] and math.isnan(row["items_error"]):
        reason = reason or "fewer than two groups of test items"
    if row["diverged"]:
        reason = f"{row['diverged']} replicate{'s' * (row['diverged'] > 1)} diverged"
    return {
        **{name: row[name] for name in kept},
        "value": row["difference"],
        "shared_error": row["items_error"],
        "shared_df": row["groups"] - 1,
        "span": 1 - row["chance"],
        "widest": best - worst,
        "reason": reason,
    }


def rows_without_comparison(
    rows: list[dict[str, Any]], domains: pd.Series, reasons: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each claim and task without a comparison, with the claim's reason."""
    compared = {(row["claim"], row["task"]) for row in rows}
    for claim, reason in reasons.items():
        for task in domains.index:
            if (claim, task) not in compared:
                names = dict.fromkeys(CLAIM_COLUMNS, "") | {"claim": claim, "task": task}
                yield {**names, "reason": reason}
