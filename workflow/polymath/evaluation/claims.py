"""The paper's claims, task by task: supported, contradicted or undecided, by one rule.

Kao and Lee (Findings of EMNLP 2021) claim that a model pre-trained on text learns other domains
faster than random weights, reaches higher scores, scores only slightly below models pre-trained on
the domain itself, comes to represent the domain as these do, and shares more with them than chance.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from polymath.evaluation.families import count_tests, holm_by_family
from polymath.evaluation.similarity_claim import NOT_MEASURED, similarity_rows
from polymath.evaluation.statistics import ALPHA, needed_replicates, sign_flip_p
from polymath.evaluation.tables import CLAIM_COLUMNS, CLAIM_FAMILY, CLAIM_SCHEMA, CONDITION_COLUMNS
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import knows_text_alone
from polymath.experiment.lineage import Lineage
from polymath.experiment.stage_versions import CLAIMS as CODE_VERSION
from polymath.util.storage import read_table, write_table

Verdict = Literal["supported", "contradicted", "undecided"]

# What "slightly" below an in-domain model means, in the task's metric: about the smallest gap that
# a few hundred test items resolve (300 items give an accuracy of 0.8 to within 0.045).
MARGIN = 0.05


@dataclass(frozen=True)
class Claim:
    """What is claimed, and the number that supports it where it is above 0."""

    statement: str
    number: str
    reference: str
    margin: float = 0.0
    """How far below 0 the number may be."""


CLAIMS = {
    "faster": Claim(
        "A text model learns faster than random weights.",
        "examples saved until the target, as a share of the budget",
        "scratch",
    ),
    "better": Claim(
        "A text model ends better than random weights.", "difference of test scores", "scratch"
    ),
    "near in-domain": Claim(
        "A text model ends only slightly below models pre-trained on the field.",
        f"difference of test scores; slightly is {MARGIN:g}",
        "in-domain",
        MARGIN,
    ),
    "similar": Claim(
        "A text model comes to represent the field as in-domain models do.",
        "change of similarity to the in-domain model by fine-tuning, less that of random weights "
        "(CKA; RSA and PWCCA must agree in sign)",
        "in-domain",
    ),
    "shared": Claim(
        "A text model and an in-domain model share more than chance before fine-tuning.",
        "similarity to the in-domain model, less the 95 % level of a null that keeps positions "
        "(CKA; RSA and PWCCA must agree in sign)",
        "in-domain",
    ),
}

RULE = (
    "A claim is stated as a number that is above 0 where the claim holds, one per pair of "
    f'replicates; for "only slightly below", the margin of {MARGIN:g} is added to it. The claim '
    "is *supported* if the mean is above 0 and the two-sided sign-flip test of the pairs, "
    "corrected by Holm for all rows of the same claim, models, fraction and recipe, has "
    f"p ≤ {ALPHA:g}. It is *contradicted* if the mean is below 0 and the same test has such a p. "
    "It is *undecided* otherwise: if there are fewer pairs than the test needs to reach that p, if "
    "a replicate diverged, if replicates share seeds because streams are crossed, if neither arm "
    'left chance level (for "only slightly below": if the in-domain model is not above it by more '
    "than the margin), if the measures of similarity disagree in sign, or if nothing was "
    "compared."
)


@dataclass(frozen=True)
class Tables:
    """The evidence that claims are judged by; `similarity` is None where none was measured."""

    estimates: Path
    comparisons: Path
    convergence: Path
    similarity: Path | None = None


def judge(
    tables: Tables, lineage: Lineage, crossed: Mapping[str, int], output: Path
) -> pd.DataFrame:
    """Write one row per claim and comparison, and one per claim and task that has none.

    Args:
        crossed: how many seeds of each stream are combined. If several streams vary, replicates
            share seeds, and the sign-flip test's assumption of independence fails.
    """
    comparisons = read_table(tables.comparisons)
    rows = [
        *_faster(_of_text(read_table(tables.convergence), lineage)),
        *_better(_of_text(comparisons, lineage)),
        *_near(comparisons),
        *(similarity_rows(read_table(tables.similarity)) if tables.similarity else ()),
    ]
    domains = read_table(tables.estimates).drop_duplicates("task").set_index("task")["domain"]
    rows += _not_compared(rows, domains)
    table = pd.DataFrame(rows, columns=[*CLAIM_SCHEMA.names, "differences"])
    if sum(levels > 1 for levels in crossed.values()) > 1:
        table["reason"] = table["reason"].replace("", "crossed replicates share seeds")
    table = decide(table)
    table["domain"] = table["task"].map(domains)
    order = {claim: place for place, claim in enumerate(CLAIMS)}
    table = table.sort_values("claim", key=lambda column: column.map(order), kind="stable")
    write_table(table, output, CLAIM_SCHEMA, {"code_version": CODE_VERSION, "rule": RULE})
    return table


def decide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the claims' rows with their verdicts, by the one rule.

    Args:
        rows: the table's columns as far as they are known, `differences` (the claim's number
            per replicate), and `reason`, empty unless something prevents a verdict.
    """
    table = rows.copy()
    testable = table["reason"] == ""
    table.loc[testable, "p"] = [
        sign_flip_p(np.asarray(differences) + margin)
        for differences, margin in zip(
            table.loc[testable, "differences"], table.loc[testable, "margin"], strict=True
        )
    ]
    table["p"] = table["p"].astype(float)
    table["p_holm"] = holm_by_family(table, CLAIM_FAMILY)
    table["tests"] = count_tests(table, CLAIM_FAMILY).where(testable)
    table["needed"] = table["tests"].map(needed_replicates, na_action="ignore")
    verdicts = [_verdict(row) for row in table.to_dict("records")]
    table["verdict"] = [verdict for verdict, _ in verdicts]
    table["reason"] = [reason for _, reason in verdicts]
    for name in ("n", "tests", "needed"):
        table[name] = table[name].astype("Int32")
    return table[CLAIM_SCHEMA.names]


def _verdict(row: dict[str, Any]) -> tuple[Verdict, str]:
    if row["reason"]:
        return "undecided", row["reason"]
    if row["n"] < row["needed"]:
        return "undecided", f"{row['n']:.0f} pairs, {row['needed']:.0f} needed"
    if row["p_holm"] > ALPHA:
        return "undecided", f"p = {row['p_holm']:.3f}"
    above = row["value"] + row["margin"] > 0
    return ("supported" if above else "contradicted"), f"p = {row['p_holm']:.3f}"


def _of_text(table: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Return the comparisons of text models with random weights, on symbols new to them."""
    is_of_text = [
        row["against"] == "scratch"
        and knows_text_alone(
            Condition(*(row[name] for name in CONDITION_COLUMNS)), row["domain"], lineage
        )
        for row in table.to_dict("records")
    ]
    return table[np.array(is_of_text, dtype=bool)]


def _named(claim: str, row: dict[str, Any], reference: str) -> dict[str, Any]:
    names = {name: row[name] for name in ("task", "model", "mapping", "fraction", "recipe")}
    return {"claim": claim, **names, "reference": reference, "margin": CLAIMS[claim].margin}


def _faster(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in table.to_dict("records"):
        idle = math.isnan(row["saved"])
        yield {
            **_named("faster", row, "scratch"),
            **{name: row[name] for name in ("low", "high", "n", "differences")},
            "value": row["saved"],
            "reason": "neither arm left chance level" if idle else "",
        }


def _better(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in table.to_dict("records"):
        idle = max(row["mean"], row["reference_mean"]) <= row["chance"]
        reason = "neither arm left chance level" if idle else ""
        yield {**_named("better", row, "scratch"), **_of_scores(row, reason)}


def _near(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the third claim's rows.

    Any model is near an in-domain model that is within the margin of chance: no verdict there.
    """
    for row in table[table["against"] == "in-domain"].to_dict("records"):
        idle = row["reference_mean"] <= row["chance"] + MARGIN
        reason = "the in-domain model is not above chance by more than the margin" if idle else ""
        names = _named("near in-domain", row, row["reference_model"])
        yield {**names, **_of_scores(row, reason)}


def _of_scores(row: dict[str, Any], reason: str) -> dict[str, Any]:
    kept = ("low", "high", "items_low", "items_high", "n", "differences")
    return {
        **{name: row[name] for name in kept},
        "value": row["difference"],
        "reason": f"{row['diverged']} replicates diverged" if row["diverged"] else reason,
    }


def _not_compared(rows: list[dict[str, Any]], domains: pd.Series) -> Iterator[dict[str, Any]]:
    """Yield a row for each claim and task without a comparison, with the reason."""
    compared = {(row["claim"], row["task"]) for row in rows}
    for name, claim in CLAIMS.items():
        for task in domains.index:
            if (name, task) in compared:
                continue
            row = dict.fromkeys(CLAIM_COLUMNS, "") | {"claim": name, "task": task}
            if claim.reference == "scratch":
                reason = "no text model with the same from random weights"
            elif name in NOT_MEASURED:
                reason = NOT_MEASURED[name]
            else:
                reason = "no in-domain model beside a text model"
            yield {**row, "margin": claim.margin, "reason": reason}
