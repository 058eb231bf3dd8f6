"""The claims as a page for people."""

from pathlib import Path

import pandas as pd

from polymath.evaluation.claims import CLAIMS, RULE
from polymath.util.storage import read_table, whole_file

VERDICTS = ("supported", "contradicted", "undecided")
HEAD = """# What the results say of the paper's claims

{rule}

Intervals are of 95 %, one row at a time, without correction: «replicates» by Student's t over pairs
of replicates (other seeds, the same test items), «items» by the bootstrap over test items (other
items, the same trained models). `needed` is the number of pairs from which the test can decide.

"""
ACROSS = """## Across tasks

Scores on one scale, 0 for chance and 1 for perfect. The interquartile mean (IQM) is of all runs of
all tasks; the probability of improvement is that of a random run of a text model against a random
run of its reference on the same task, averaged over tasks. Intervals by drawing replicates anew
within each task: of these tasks, not of others, and too narrow with few replicates.

"""


def write_page(claims: Path, summary: Path, page: Path) -> None:
    """Write the claims, their verdicts and the summary across tasks as Markdown."""
    table = read_table(claims)
    text = HEAD.format(rule=RULE) + to_markdown(count_verdicts(table)) + "\n"
    for claim, what in CLAIMS.items():
        rows = table[table["claim"] == claim]
        text += f"## {what.statement}\n\nThe number: {what.number}.\n\n"
        text += to_markdown(claim_table(rows)) + "\n"
    across = across_table(read_table(summary))
    if len(across):
        text += ACROSS + to_markdown(across)
    with whole_file(page) as temporary:
        temporary.write_text(text.rstrip() + "\n", encoding="utf-8")


def count_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows of each claim have each verdict."""
    counts = table.groupby(["claim", "verdict"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=[*CLAIMS], columns=VERDICTS, fill_value=0)
    statements = [CLAIMS[claim].statement for claim in counts.index]
    return pd.DataFrame({"claim": statements, **{name: list(counts[name]) for name in VERDICTS}})


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table of texts and counts as Markdown."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def claim_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one claim as texts, without the settings that never vary."""
    settings = ["model", "reference", "mapping", "fraction", "recipe"]
    told = rows[settings].replace("", pd.NA)
    shown = rows[["task"]].copy()
    for name in settings:
        if told[name].nunique() > 1 or (name == "mapping" and told[name].notna().any()):
            shown[name] = told[name].fillna("–")
    shown["number"] = [_number(value) for value in rows["value"]]
    shown["replicates [95 %]"] = _intervals(rows, "low", "high")
    if rows["items_low"].notna().any():
        shown["items [95 %]"] = _intervals(rows, "items_low", "items_high")
    for name in ("n", "needed"):
        shown[name] = ["–" if pd.isna(value) else f"{value:.0f}" for value in rows[name]]
    shown["verdict"], shown["why"] = rows["verdict"], rows["reason"]
    return shown


def across_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary across tasks as texts."""
    shown = summary[["model", "init"]].copy()
    shown["against"] = summary["reference_model"].where(
        summary["against"] == "in-domain", summary["against"]
    )
    for name in ("fraction", "recipe"):
        if summary[name].nunique() > 1:
            shown[name] = summary[name]
    shown["tasks"], shown["runs"] = summary["tasks"], summary["runs"]
    shown["IQM"] = [f"{value:.3f}" for value in summary["iqm"]]
    shown["IQM of reference"] = [f"{value:.3f}" for value in summary["reference_iqm"]]
    shown["difference [95 %]"] = _with_interval(summary, "gain")
    shown["improvement [95 %]"] = _with_interval(summary, "improvement")
    return shown


def _with_interval(table: pd.DataFrame, name: str) -> list[str]:
    bounds = _intervals(table, f"{name}_low", f"{name}_high")
    return [f"{_number(value)} {bound}" for value, bound in zip(table[name], bounds, strict=True)]


def _intervals(table: pd.DataFrame, low: str, high: str) -> list[str]:
    return [
        "–" if pd.isna(one) else f"[{one:+.3f}, {other:+.3f}]"
        for one, other in zip(table[low], table[high], strict=True)
    ]


def _number(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}"
