"""The matrix of all conditions: means, intervals, differences from random weights."""

from collections.abc import Mapping

import pandas as pd

from polymath.evaluation.comparisons import HeadlineScores
from polymath.evaluation.tables import CONDITION_COLUMNS, MATRIX_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import SCRATCH


def build_matrix(
    scores: Mapping[Condition, HeadlineScores], estimates: pd.DataFrame, comparisons: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per condition: its estimate, and its comparison with random weights.

    Args:
        scores: what the replicates of each condition share.
        estimates, comparisons: as `compare_scores` returns them.
    """
    keys = [*CONDITION_COLUMNS]
    shared = pd.DataFrame(
        {
            **condition.columns,
            "learning_rate": values.learning_rate,
            "items": values.items,
            "chance": values.chance,
        }
        for condition, values in scores.items()
    )
    renamed = {"n": "n_pairs", "low": "difference_low", "high": "difference_high"}
    differences = comparisons[comparisons["against"] == SCRATCH].rename(columns=renamed)
    table = estimates.merge(shared, on=keys, validate="one_to_one").merge(
        differences[[*keys, "difference", *renamed.values()]],
        on=keys,
        how="left",
        validate="one_to_one",
    )
    return table[MATRIX_SCHEMA.names].astype({"items": "Int32", "n_pairs": "Int32"})


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
    shown[f"difference from {SCRATCH} [95 %]"] = _with_intervals(
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
