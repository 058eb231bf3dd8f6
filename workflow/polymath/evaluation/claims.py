"""The paper's claims, task by task: supported, contradicted or undecided, by one rule.

Kao and Lee (Findings of EMNLP 2021) claim that a model pre-trained on text learns other domains
faster than random weights, reaches higher scores, scores only slightly below models pre-trained on
the domain itself, and shares more with their representations than chance.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from polymath.evaluation.claim_rows import (
    NO_GAIN,
    better_rows,
    faster_rows,
    near_rows,
    of_text,
    of_text_as_it_is,
    rows_without_comparison,
)
from polymath.evaluation.family_verdicts import judge_families
from polymath.evaluation.looks import record_looks
from polymath.evaluation.paired import columns_of_tests, correct_by_family
from polymath.evaluation.similarity_claim import NOT_MEASURED, similarity_rows
from polymath.evaluation.statistics import ALPHA, p_in_words
from polymath.evaluation.tables import CLAIM_FAMILY, CLAIM_SCHEMA, FAMILY_VERDICT_SCHEMA
from polymath.experiment.conditions import NONE
from polymath.experiment.contrasts import SCRATCH
from polymath.experiment.lineage import Lineage
from polymath.experiment.stage_versions import CLAIMS as CODE_VERSION
from polymath.util.storage import read_table, write_table

Verdict = Literal["supported", "contradicted", "undecided"]

# With fewer pairs, the t test's error over a family of tasks exceeds its level, as
# tests/benchmarks/coverage.py measures.
LEAST_PAIRS = 5
FEW_PAIRS = f"fewer than {LEAST_PAIRS} pairs of replicates"
NO_RANDOM_WEIGHTS = "no text model with the same from random weights"


@dataclass(frozen=True)
class Claim:
    """What is claimed, and the number that is above 0 where the claim holds."""

    statement: str
    number: str
    reference: str = SCRATCH
    untested: str = NO_RANDOM_WEIGHTS
    """Why a task has no comparison, where it has none."""


CLAIMS = {
    "faster": Claim(
        "A text model learns faster than random weights.",
        "share of the budget by which it is earlier at 90 % of the way from chance to its own end "
        "than random weights are at 90 % of the way to theirs",
    ),
    "better": Claim(
        "A text model ends better than random weights.",
        "difference of test scores",
    ),
    "near in-domain": Claim(
        "A text model ends only slightly below models pre-trained on the field.",
        "test score less the midpoint of the in-domain model's and that of random weights",
        "in-domain",
        "no in-domain model beside a text model",
    ),
    "similar": Claim(
        "A text model's similarity to in-domain models gains more by fine-tuning than random "
        "weights' does.",
        "change of similarity to the in-domain model by fine-tuning, less that of random weights "
        "(CKA; RSA and PWCCA must agree in sign)",
        "in-domain",
        NOT_MEASURED["similar"],
    ),
    "shared": Claim(
        "A text model and an in-domain model share more than chance before fine-tuning.",
        "similarity to the in-domain model, less the 95 % level of a null that keeps positions "
        "(CKA; RSA and PWCCA must agree in sign)",
        "in-domain",
        NOT_MEASURED["shared"],
    ),
}

# Not a claim of the paper: there the tokens of texts are moved.
AS_IT_IS = "as it is"
JUDGED = {
    **CLAIMS,
    AS_IT_IS: Claim(
        "On text as it is, a text model ends better than random weights.",
        "difference of test scores",
    ),
}

RULE = (
    "Each claim is a number per pair of replicates that is above 0 where the claim holds. "
    "*Per task*: the claim is *supported* if the mean is above 0, and *contradicted* if it is "
    f"below 0, where a two-sided t test has p ≤ {ALPHA:g} after Holm's correction over all tasks "
    "of the same claim, model and data fraction. The test knows both variances, of seeds and of "
    "test items: it divides the mean by sqrt(s²/n + v), with Satterthwaite's degrees of freedom. "
    "Items of one group count as one. Of speed, v is the variance that the uncertainty of the two "
    f"targets causes. A task needs {LEAST_PAIRS} pairs. It is *undecided* otherwise, and where a "
    "replicate diverged (of speed, such a run counts as the whole budget instead), where "
    "replicates share seeds because streams are crossed, where neither arm left chance level (of "
    "speed, where one did not), where what the in-domain model gains over random weights has an "
    "interval that does not lie above zero, and where measures of similarity disagree in sign. "
    "Such a task still counts among the tests that are corrected for. Of similarity the test knows "
    "seeds alone, as all replicates share their sequences. "
    "*Together*: all tasks of a claim, model and data fraction have one verdict, by a two-sided "
    f"sign-flip test stratified by task, with p ≤ {ALPHA:g}. It speaks of these tasks together, "
    "not of each, and not of others. *Qualifier*: a verdict on an arm with a single learning rate, "
    "or with one chosen at the edge of those tried, is a verdict under that rate, and says so; a "
    "verdict on similarity says that its test knows seeds alone."
)


@dataclass(frozen=True)
class Tables:
    """The evidence that claims are judged by; `similarity` is None where none was measured."""

    estimates: Path
    comparisons: Path
    convergence: Path
    similarity: Path | None = None


@dataclass(frozen=True)
class ClaimFiles:
    """Where verdicts go; `looks` is kept from one judgement to the next."""

    claims: Path
    families: Path
    looks: Path


def judge(
    tables: Tables, lineage: Lineage, crossed: Mapping[str, int], files: ClaimFiles
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write and return one row per claim and comparison, and one per claim and family of tasks.

    A claim and task without a comparison has a row that says why.

    Args:
        crossed: how many seeds of each stream are combined. If several streams vary, replicates
            share seeds, and no test's assumption of independence holds.
    """
    estimates, comparisons = read_table(tables.estimates), read_table(tables.comparisons)
    domains = estimates.drop_duplicates("task").set_index("task")["domain"]
    rows = [
        *faster_rows(of_text(read_table(tables.convergence), lineage)),
        *better_rows(of_text(comparisons, lineage)),
        *better_rows(of_text_as_it_is(comparisons, lineage), AS_IT_IS),
        *near_rows(comparisons),
        *(similarity_rows(read_table(tables.similarity), comparisons) if tables.similarity else ()),
    ]
    untested = {name: claim.untested for name, claim in CLAIMS.items()}
    rows += rows_without_comparison(rows, domains, untested)
    table = pd.DataFrame(rows, columns=[*CLAIM_SCHEMA.names, "span", "widest"])
    if sum(levels > 1 for levels in crossed.values()) > 1:
        table["reason"] = table["reason"].replace(["", NO_GAIN], "crossed replicates share seeds")
    table["domain"] = table["task"].map(domains)
    order = {claim: place for place, claim in enumerate(JUDGED)}
    table = table.sort_values("claim", key=lambda column: column.map(order), kind="stable")
    table["looks"] = record_looks(table, files.looks)
    with_baseline = set(estimates.loc[estimates["init"] == NONE, "task"])
    families = judge_families(table, with_baseline)
    table = decide(table)
    metadata = {"code_version": CODE_VERSION, "rule": RULE, "crossed": dict(crossed)}
    write_table(table, files.claims, CLAIM_SCHEMA, metadata)
    write_table(families, files.families, FAMILY_VERDICT_SCHEMA, metadata)
    return table, families


def decide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the claims' rows with their tests and verdicts, by the one rule.

    Args:
        rows: the table's columns as far as they are known: `differences` (the claim's number per
            replicate), `shared_error` and `shared_df` of what all replicates share, if anything,
            and `reason`, empty unless something prevents a verdict.
    """
    table = rows.reset_index(drop=True)
    compared = [None if np.ndim(each) == 0 else np.asarray(each) for each in table["differences"]]
    table["differences"] = pd.Series(compared, index=table.index, dtype=object)
    tests = pd.DataFrame([_test(row) for row in table.to_dict("records")], index=table.index)
    for name in tests:
        table[name] = tests[name].astype(float)
    # What keeps a task from a verdict is often its results: it stays among the tests, which it
    # would have left for the benefit of the others.
    tested = (table["reason"] == "") & table["p"].notna()
    table["p"] = table["p"].where(tested, 1.0).where(table["n"].notna())
    table = correct_by_family(table, CLAIM_FAMILY)
    for name in ("p", "p_holm"):
        table[name] = table[name].where(tested)
    for name in ("tests", "detectable"):
        table[name] = table[name].where(table["p"].notna())
    verdicts = [_verdict(row) for row in table.to_dict("records")]
    table["verdict"] = [verdict for verdict, _ in verdicts]
    table["reason"] = [reason for _, reason in verdicts]
    for name in ("n", "items", "groups", "tests", "looks"):
        table[name] = table[name].astype(float).astype("Int32")
    return table[CLAIM_SCHEMA.names].fillna({"qualifier": ""})


def _test(row: dict[str, Any]) -> dict[str, float]:
    """Return the tests and intervals of a row's number; NaN where it has none."""
    differences = np.zeros(0) if row["differences"] is None else row["differences"]
    shared_error = 0.0 if pd.isna(row["shared_error"]) else row["shared_error"]
    widest = math.inf if pd.isna(row.get("widest")) else row["widest"]
    return columns_of_tests(differences, shared_error, row["shared_df"], widest)


def _verdict(row: dict[str, Any]) -> tuple[Verdict, str]:
    if row["reason"] and not (row["reason"] == NO_GAIN and row["n"] < LEAST_PAIRS):
        return "undecided", row["reason"]
    if row["n"] < LEAST_PAIRS:
        return "undecided", FEW_PAIRS
    if math.isnan(row["p_holm"]):
        return "undecided", "the pairs do not vary"
    reason = p_in_words(row["p_holm"])
    if row["p_holm"] > ALPHA:
        return "undecided", reason
    return ("supported" if row["value"] > 0 else "contradicted"), reason
