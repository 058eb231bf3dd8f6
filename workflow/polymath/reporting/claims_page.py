"""The claims as a Markdown page: verdicts, numbers with intervals, and the summary of all tasks."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from polymath.evaluation.claims import CLAIMS, JUDGED, LEAST_PAIRS, RULE
from polymath.evaluation.comparisons import HALFWAY
from polymath.evaluation.looks import look_name
from polymath.experiment.contrasts import SCRATCH
from polymath.reporting.auc import (
    TITLE,
    format_auc_difference,
    has_auc,
    list_disagreements,
)
from polymath.reporting.own_verdict import with_own_verdicts
from polymath.reporting.similarity_tables import similarity_tables
from polymath.reporting.tables import (
    DASH,
    drop_constant,
    format_counts,
    format_estimates,
    format_interval,
    format_number,
    format_p,
    to_markdown,
    varying_columns,
    write_text,
)
from polymath.util.storage import read_json, read_table, set_aside_as

VERDICTS = ("supported", "contradicted", "undecided")
HEAD = "# What the results say about each claim\n\n"
TOGETHER = """## All tasks together

One verdict per claim for the tasks named, together: it does not say of which task it holds. `pairs`
counts pairs of replicates. The difference is the interquartile mean of all pairs: of scores, on a
scale where 0 is chance and 1 a perfect score. Its 95 % interval varies replicates within each task,
and test items. A task that is alone has the verdict, `p` and difference of its own row below.

"""
PER_TASK = """## Task by task

{rule}

Intervals are 95 % intervals for one row, without correction for the number of rows. “Both” is the
interval of the test, over other seeds and other test items together; of similarity it is over seeds
alone. “Seeds” is Student's interval over pairs of replicates alone, “items” a bootstrap over test
items with the same trained models.
`p` is after Holm's correction. `sign flips` is the p of the sign-flip test of the pairs, without
correction: a sensitivity check that needs no distribution but knows seeds only. `detectable` is the
smallest true difference for which the test has a power of 80 % with this scatter, at the level
corrected for the number of tasks; with fewer than {least} pairs no difference is decided. “AUC
difference” is that of ROC-AUC, which depends on no threshold, with the interval of the same test.

"""
LOOKS_LOST = """An earlier record of how often they were judged was damaged, and is kept as
`evidence/{lost}`: they may have been judged more often than that."""
SAME_SCORE = """Time to the same score: both arms are measured against 90 % of the way to the better
arm's end. No verdict rests on it, because an arm that ends lower may never get there: `reached`
counts the runs that did.

"""
ACROSS = """## Scores across tasks

Scores are on one scale: 0 for chance, 1 for a perfect score. The interquartile mean (IQM) is over
all runs of all tasks; the difference is that of two such means, where the verdicts above take the
mean of the pairs' differences. P(better) is the probability that a random run of the model ends
above a random run of its reference on the same task, averaged over tasks: 0.5 where both are equal.
Intervals resample replicates within each task: they hold for these tasks only, and are too narrow
with few replicates.

"""


@dataclass(frozen=True)
class ClaimsPageTables:
    """The files that the page is made from."""

    claims: Path
    families: Path
    convergence: Path
    summary: Path
    looks: Path
    similarity: Path | None = None
    """Where it was measured, to show every measure beside those that are judged."""


def write_claims_page(tables: ClaimsPageTables, page: Path) -> None:
    """Write the verdicts on all tasks together, then task by task, and the summary of scores."""
    claims = read_table(tables.claims)
    families = with_own_verdicts(read_table(tables.families), claims)
    text = HEAD + TOGETHER + to_markdown(family_table(families)) + "\n"
    text += describe_looks(claims, read_json(tables.looks)) + "\n\n"
    if (lost := set_aside_as(tables.looks)).exists():
        text += LOOKS_LOST.format(lost=lost.name) + "\n\n"
    text += (
        PER_TASK.format(rule=RULE, least=LEAST_PAIRS) + to_markdown(count_verdicts(claims)) + "\n"
    )
    for name, claim in JUDGED.items():
        if name not in CLAIMS and name not in set(claims["claim"]):
            continue
        text += f"## {claim.statement}\n\nThe number: {claim.number}.\n\n"
        rows = claims[claims["claim"] == name]
        text += to_markdown(claim_table(rows)) + "\n"
        text += "".join(f"{sentence}\n\n" for sentence in list_disagreements(rows))
        if name == "faster":
            text += _same_score(read_table(tables.convergence))
    if tables.similarity is not None:
        text += "## Every measure of similarity\n\n"
        for caption, rows in similarity_tables(read_table(tables.similarity)).items():
            text += f"{caption}\n\n{to_markdown(rows)}\n"
    across = across_table(read_table(tables.summary))
    if len(across):
        text += ACROSS + to_markdown(across)
    write_text(text, page)


def family_table(families: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on all tasks together, as texts."""
    if families.empty:
        return pd.DataFrame({"claims": ["nothing was compared"]})
    settings = varying_columns(
        families, ["model", "mapping", "fraction", "recipe", "reference"], within=["claim"]
    )
    shown = families[["claim", *settings]].replace("", DASH)
    shown["tasks"] = [
        f"{row.tasks}: {row.members}" if row.tasks else DASH for row in families.itertuples()
    ]
    shown["pairs"] = families["pairs"].astype(str)
    shown["difference [95 %]"] = format_estimates(families, "iqm")
    shown["p"] = [*map(format_p, families["p"])]
    for name in ("verdict", "qualifier"):
        shown[name] = families[name].replace("", DASH)
    shown["left out"] = families["left_out"].replace("", DASH)
    return drop_constant(shown, ["left out"]) if not families["left_out"].any() else shown


def describe_looks(claims: pd.DataFrame, record: dict[str, list[int]]) -> str:
    """Return how often these results were judged while replicates were added."""
    names = set(map(look_name, claims.to_dict("records")))
    sizes = sorted({n for name, counts in record.items() if name in names for n in counts})
    looks = int(claims["looks"].max()) if claims["looks"].notna().any() else 0
    if looks < 2:
        return "These results were judged once, and not before with fewer replicates."
    listed = ", ".join(map(str, sizes))
    return (
        f"These results were judged {looks} times while replicates were added: with {listed} "
        "pairs. Nothing corrects for repeated looks: a verdict reached by adding replicates until "
        "it came is wrong more often than its level says."
    )


def _same_score(convergence: pd.DataFrame) -> str:
    shown = same_score_table(convergence)
    return SAME_SCORE + to_markdown(shown) + "\n" if len(shown) else ""


def same_score_table(convergence: pd.DataFrame) -> pd.DataFrame:
    """Return how much sooner than random weights each arm reaches the same score, as texts."""
    table = convergence[(convergence["against"] == SCRATCH) & convergence["saved"].notna()]
    shown = table[["task", "model", "init", "mapping", "fraction", "recipe"]].assign(
        target=[*map(format_number, table["target"])],
        **{
            "share of the budget saved [95 %]": format_estimates(table, "saved"),
            "reached": format_counts(table, "reached"),
            "random weights reached": format_counts(table, "reference_reached"),
        },
    )
    return drop_constant(shown, ["model", "init", "mapping", "fraction", "recipe"])


def count_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows of each claim have each verdict."""
    counts = table.groupby(["claim", "verdict"]).size().unstack(fill_value=0)
    names = [name for name in JUDGED if name in CLAIMS or name in counts.index]
    counts = counts.reindex(index=names, columns=VERDICTS, fill_value=0)
    statements = [JUDGED[claim].statement for claim in counts.index]
    return pd.DataFrame({"claim": statements, **{name: list(counts[name]) for name in VERDICTS}})


def claim_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one claim as texts, without settings that do not vary but the mapping."""
    settings = varying_columns(rows, ["model", "reference", "mapping", "fraction", "recipe"])
    if rows["mapping"].any() and "mapping" not in settings:
        settings.insert(len({"model", "reference"} & {*settings}), "mapping")
    shown = rows[["task", *settings]].replace("", DASH)
    shown["number"] = [format_number(value, "+.3f") for value in rows["value"]]
    for title, name in (("both", ""), ("seeds", "seeds_"), ("items", "items_")):
        bounds = rows[f"{name}low"], rows[f"{name}high"]
        if title == "both" or bounds[0].notna().any():
            shown[f"{title} [95 %]"] = [*map(format_interval, *bounds)]
    compared = rows.to_dict("records")
    if any(map(has_auc, compared)):
        shown[TITLE] = [*map(format_auc_difference, compared)]
    whole = partial(format_number, spec=".0f")
    for title, name, form in (
        ("pairs", "n", whole),
        ("test items", "items", whole),
        ("groups", "groups", whole),
        ("p", "p_holm", format_p),
        ("sign flips", "sign_flip_p", format_p),
        ("detectable", "detectable", format_number),
    ):
        if title == "pairs" or rows[name].notna().any():
            shown[title] = [*map(form, rows[name])]
    shown["verdict"], shown["qualifier"] = rows["verdict"], rows["qualifier"].replace("", DASH)
    shown["why"] = rows["reason"]
    if (rows["groups"].isna() | (rows["groups"] == rows["items"])).all():
        shown = shown.drop(columns="groups", errors="ignore")
    return shown


def name_reference(table: pd.DataFrame) -> pd.Series:
    """Return what each row is compared with: `scratch`, an in-domain model, or halfway to it."""
    model = table["reference_model"]
    names = table["against"].mask(table["against"] == "in-domain", model)
    return names.mask(table["against"] == HALFWAY, f"{HALFWAY} to " + model)


def across_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of all tasks as texts."""
    shown = summary[["model", "init"]].assign(against=name_reference(summary))
    for name in varying_columns(summary, ["fraction", "recipe"]):
        shown[name] = summary[name]
    shown["tasks"], shown["runs"] = summary["tasks"], summary["runs"]
    shown["IQM"] = [*map(format_number, summary["iqm"])]
    shown["IQM of reference"] = [*map(format_number, summary["reference_iqm"])]
    shown["difference of IQMs [95 %]"] = format_estimates(summary, "gain")
    shown["P(better) [95 %]"] = format_estimates(summary, "improvement", ".3f")
    return shown
