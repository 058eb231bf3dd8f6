"""The claims as a Markdown page: verdicts, numbers with intervals, and the summary of all tasks."""

from pathlib import Path

import pandas as pd

from polymath.evaluation.claims import CLAIMS, RULE
from polymath.reporting.similarity_tables import similarity_tables
from polymath.reporting.tables import (
    DASH,
    format_estimates,
    format_interval,
    format_number,
    to_markdown,
    varying_columns,
    write_text,
)
from polymath.util.storage import read_table

VERDICTS = ("supported", "contradicted", "undecided")
HEAD = f"""# What the results say about the paper's claims

{RULE}

All intervals are 95 % intervals for one row, without correction for the number of rows.
“Replicates” intervals cover other seeds on the same test items (Student's t over pairs of
replicates). “Items” intervals cover other test items with the same trained models (bootstrap).
`needed` is the number of pairs from which the test can decide.

"""
ACROSS = """## Across tasks

Scores are on one scale: 0 for chance, 1 for a perfect score. The interquartile mean (IQM) is over
all runs of all tasks. The probability of improvement compares a random run of a text model with a
random run of its reference on the same task, and is averaged over tasks. Intervals resample
replicates within each task: they hold for these tasks only, and are too narrow with few
replicates.

"""


def write_claims_page(
    claims: Path, summary: Path, page: Path, similarity: Path | None = None
) -> None:
    """Write the claims, their verdicts and the summary of all tasks as Markdown.

    Args:
        similarity: where it was measured, to show every measure beside those that are judged.
    """
    table = read_table(claims)
    text = HEAD + to_markdown(count_verdicts(table)) + "\n"
    for name, claim in CLAIMS.items():
        text += f"## {claim.statement}\n\nThe number: {claim.number}.\n\n"
        text += to_markdown(claim_table(table[table["claim"] == name])) + "\n"
    if similarity is not None:
        text += "## Every measure of similarity\n\n"
        for caption, rows in similarity_tables(read_table(similarity)).items():
            text += f"{caption}\n\n{to_markdown(rows)}\n"
    across = across_table(read_table(summary))
    if len(across):
        text += ACROSS + to_markdown(across)
    write_text(text, page)


def count_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows of each claim have each verdict."""
    counts = table.groupby(["claim", "verdict"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=[*CLAIMS], columns=VERDICTS, fill_value=0)
    statements = [CLAIMS[claim].statement for claim in counts.index]
    return pd.DataFrame({"claim": statements, **{name: list(counts[name]) for name in VERDICTS}})


def claim_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one claim as texts, without settings that do not vary but the mapping."""
    settings = varying_columns(rows, ["model", "reference", "mapping", "fraction", "recipe"])
    if rows["mapping"].any() and "mapping" not in settings:
        settings.insert(len({"model", "reference"} & {*settings}), "mapping")
    shown = rows[["task", *settings]].replace("", DASH)
    shown["number"] = [format_number(value, "+.3f") for value in rows["value"]]
    shown["replicates [95 %]"] = [*map(format_interval, rows["low"], rows["high"])]
    if rows["items_low"].notna().any():
        shown["items [95 %]"] = [*map(format_interval, rows["items_low"], rows["items_high"])]
    for name in ("n", "needed"):
        shown[name] = [format_number(value, ".0f") for value in rows[name]]
    shown["verdict"], shown["why"] = rows["verdict"], rows["reason"]
    return shown


def name_reference(table: pd.DataFrame) -> pd.Series:
    """Return what each row is compared with: an in-domain model by its name, or `scratch`."""
    return table["reference_model"].where(table["against"] == "in-domain", table["against"])


def across_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of all tasks as texts."""
    shown = summary[["model", "init"]].assign(against=name_reference(summary))
    for name in varying_columns(summary, ["fraction", "recipe"]):
        shown[name] = summary[name]
    shown["tasks"], shown["runs"] = summary["tasks"], summary["runs"]
    shown["IQM"] = [*map(format_number, summary["iqm"])]
    shown["IQM of reference"] = [*map(format_number, summary["reference_iqm"])]
    for title, name in (("difference", "gain"), ("improvement", "improvement")):
        columns = (name, f"{name}_low", f"{name}_high")
        shown[f"{title} [95 %]"] = format_estimates(summary, columns, "+.3f")
    return shown
