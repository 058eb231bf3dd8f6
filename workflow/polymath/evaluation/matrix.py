"""Scores of all conditions to one matrix: means, intervals, differences from scratch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.evaluation.statistics import estimate_mean
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import SCRATCH as BASELINE
from polymath.experiment.contrasts import find_scratch
from polymath.experiment.stage_versions import MATRIX
from polymath.util.storage import read_table, whole_file, write_table

# What the replicates of a condition share; one that diverged lacks some.
SAME_IN_ALL = ("domain", "learning_rate", "metric", "items", "chance")

SCHEMA = pa.schema(
    [
        ("task", pa.string()),
        ("domain", pa.string()),
        *((name, pa.string()) for name in CONDITION_COLUMNS if name != "task"),
        ("learning_rate", pa.float64()),
        ("metric", pa.string()),
        ("items", pa.int32()),
        ("chance", pa.float64()),
        ("n", pa.int32()),
        ("diverged", pa.int32()),
        ("mean", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n_pairs", pa.int32()),
        ("difference", pa.float64()),
        ("difference_low", pa.float64()),
        ("difference_high", pa.float64()),
    ]
)


def aggregate(
    scores: list[Path], bases: Mapping[str, str], parquet: Path, csv: Path, markdown: Path
) -> pd.DataFrame:
    """Write the matrix of test scores as Parquet, CSV and Markdown; return it.

    Args:
        bases: of each model pre-trained here, the model whose architecture it has.
    """
    whole = pd.concat([read_table(path) for path in scores], ignore_index=True)
    table = build_matrix(whole, bases)
    write_table(table, parquet, SCHEMA, {"code_version": MATRIX, "baseline": BASELINE})
    with whole_file(csv) as temporary:
        table.to_csv(temporary, index=False)
    with whole_file(markdown) as temporary:
        temporary.write_text(to_markdown(table), encoding="utf-8")
    return table


def build_matrix(scores: pd.DataFrame, bases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return one row a condition: its headline test score over the replicates that finished.

    Those that diverged are counted beside them.

    The difference is paired: replicate r of the condition less replicate r of the same
    condition from scratch, which shares its split, mapping and order seeds. From scratch, a model
    that was pre-trained here is its base: where it was not trained itself, the base stands for it.
    """
    chosen = scores[(scores["split"] == "test") & scores["headline"]]
    keys = list(CONDITION_COLUMNS)
    by_condition = {
        Condition(*key): part.set_index("replicate")
        for key, part in chosen.groupby(keys, sort=False)
    }
    rows = []
    for condition, part in by_condition.items():
        mean = estimate_mean(part["value"].dropna().to_numpy())
        row: dict[str, Any] = {
            **condition.columns,
            **part[[*SAME_IN_ALL]].bfill().iloc[0].to_dict(),
            "n": mean.n,
            "diverged": int(part["diverged_at"].notna().sum()),
            "mean": mean.mean,
            "low": mean.low,
            "high": mean.high,
        }
        baseline = find_scratch(condition, by_condition, bases or {})
        if condition.init != BASELINE and baseline is not None:
            paired = (part["value"] - by_condition[baseline]["value"]).dropna()
            gap = estimate_mean(paired.to_numpy())
            row |= {
                "n_pairs": gap.n,
                "difference": gap.mean,
                "difference_low": gap.low,
                "difference_high": gap.high,
            }
        rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=SCHEMA.names)
    table[["items", "n_pairs"]] = table[["items", "n_pairs"]].astype("Int32")
    return table


def to_markdown(table: pd.DataFrame, everything: bool = True) -> str:
    """Return the matrix as a Markdown table; without `everything`, only what varies."""
    shown = matrix_table(table, everything)
    lines = [list(shown.columns), ["---"] * len(shown.columns), *shown.to_numpy().tolist()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def to_summary(table: pd.DataFrame) -> str:
    """Return the matrix as plain text for a terminal: what varies, and the numbers."""
    return matrix_table(table, everything=False).to_string(index=False)


def matrix_table(table: pd.DataFrame, everything: bool) -> pd.DataFrame:
    """Return the matrix as text: rounded, with intervals in brackets."""
    names = ["task", "domain", *CONDITION_COLUMNS[1:], "learning_rate"]
    names = [name for name in names if name in table]  # older matrices have no learning rate
    if not everything:
        names = [name for name in names if name == "task" or table[name].nunique() > 1]
    shown = table[[*names, "metric"]].astype(str)
    if "learning_rate" in names:
        shown["learning_rate"] = [
            "–" if pd.isna(rate) else f"{rate:g}" for rate in table["learning_rate"]
        ]
    shown["chance"] = ["–" if pd.isna(value) else f"{value:.3f}" for value in table["chance"]]
    shown["mean [95 %]"] = _with_intervals(table, "mean", "low", "high", "")
    shown["n"] = table["n"].astype(str)
    if table["diverged"].any():
        shown["diverged"] = table["diverged"].astype(str)
    shown[f"difference from {BASELINE} [95 %]"] = _with_intervals(
        table, "difference", "difference_low", "difference_high", "+"
    )
    return shown


def _with_intervals(table: pd.DataFrame, mean: str, low: str, high: str, sign: str) -> list[str]:
    columns = zip(table[mean], table[low], table[high], strict=True)
    return [_with_interval(*values, sign) for values in columns]


def _with_interval(mean: float, low: float, high: float, sign: str) -> str:
    if pd.isna(mean):
        return "–"
    if pd.isna(low):
        return f"{mean:{sign}.3f} [one replicate]"
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
