"""The matrix as people read it: a table of texts, and a grid of tasks by models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.label_sets import name_answer
from polymath.evaluation.mean_test import POWER
from polymath.evaluation.metrics import limits_of
from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.experiment.input_orders import AS_IS, order_of
from polymath.reporting.auc import count_one_class
from polymath.reporting.tables import (
    DASH,
    NO_SPREAD,
    format_estimate,
    format_named,
    format_number,
    has_width,
    to_markdown,
    varying_columns,
    write_text,
)
from polymath.util.storage import read_table

BASELINE_NAMES = {
    "majority": "majority",
    "stump": "one rule",
    "ngram": "n-grams",
    "trees": "boosted trees",
}
METRIC_NAMES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy",
                "macro_f1": "macro F1", "micro_f1": "micro F1",
                "subset_accuracy": "subset accuracy", "mcc": "MCC", "f1": "F1",
                "roc_auc": "ROC-AUC", "average_precision": "average precision",
                "spearman": "Spearman's ρ", "pearson": "Pearson's r", "r2": "R²",
                "rmse": "RMSE"}  # fmt: skip
ABOUT_DETECTABLE = (
    f"`detectable` is the smallest true difference that is found with a power of {POWER:.0%}, at "
    "the level corrected for all comparisons of the same arms and recipe; verdicts are corrected "
    "for all tasks of their claim."
)
ROW_SETTINGS = ("mapping", "fraction", "recipe")


def write_matrix_page(matrix: Path, page: Path) -> None:
    """Write the whole matrix as a Markdown table."""
    table = to_markdown(matrix_table(read_table(matrix), everything=True))
    write_text(f"{table}\n{ABOUT_DETECTABLE}\n", page)


def summarise_matrix(matrix: pd.DataFrame) -> str:
    """Return the matrix as plain text for a terminal, without columns that do not vary."""
    return matrix_table(matrix).to_string(index=False)


def matrix_table(matrix: pd.DataFrame, everything: bool = False) -> pd.DataFrame:
    """Return the matrix as texts: rounded, with intervals in brackets.

    Args:
        everything: keep columns that do not vary.
    """
    names = ["task", "domain", *CONDITION_COLUMNS[1:], "learning_rate"]
    names = [name for name in names if name in matrix]  # older matrices have no learning rate
    if not everything:
        names = ["task", *varying_columns(matrix, names[1:])]
    shown = matrix[[*names, "metric"]].astype(str)
    if "learning_rate" in names:
        shown["learning_rate"] = [format_number(rate, "g") for rate in matrix["learning_rate"]]
    shown["test items"] = [count_items(row) for row in matrix.to_dict("records")]
    shown["chance"] = [*map(format_number, matrix["chance"])]
    alone = "[one replicate]"
    shown["mean [95 %]"] = [_format_mean(row, alone) for row in matrix.to_dict("records")]
    shown["n"] = matrix["n"].astype(str)
    if matrix["diverged"].any():
        shown["diverged"] = matrix["diverged"].astype(str)
    shown["difference from scratch [95 %]"] = [
        format_named(
            row,
            "difference",
            without_interval=NO_SPREAD if (row.get("n_pairs") or 0) > 1 else alone,
        )
        for row in matrix.to_dict("records")
    ]
    if "detectable" in matrix:  # not in older matrices
        shown["detectable"] = [*map(format_number, matrix["detectable"])]
    if "auc" in matrix and matrix["auc"].notna().any():
        shown["AUC [95 %]"] = [_format_auc(row, alone) for row in matrix.to_dict("records")]
    counts = [*map(count_one_class, matrix.to_dict("records"))]
    if any(counts):
        shown["predict one class"] = [str(count) if count else DASH for count in counts]
    return shown


def _format_auc(row: Mapping[str, Any], alone: str) -> str:
    """Return AUC with its interval, as `_format_mean`."""
    return _format_mean(
        {**row, "mean": row["auc"], "low": row["auc_low"], "high": row["auc_high"],
         "metric": "roc_auc"},
        alone,
    )  # fmt: skip


def _format_mean(row: Mapping[str, Any], alone: str) -> str:
    """Return a mean with its interval; a baseline that no seed changes has none."""
    ends = np.array([row["low"], row["high"]], dtype=float)
    low, high = ends.clip(*limits_of(row["metric"]))  # older matrices are not cut
    if row["init"] == NONE and row["n"] > 1 and not has_width(low, high):
        return format_number(row["mean"])
    return format_estimate(row["mean"], low, high, ".3f", alone)


def count_items(row: Mapping[str, Any], unit: str = "") -> str:
    """Return the number of test items, and of their groups where items share one.

    Args:
        unit: what follows the number of items.
    """
    items, groups = row["items"], row.get("groups")
    if pd.isna(groups) or groups == items:
        return f"{format_number(items, '.0f')}{unit}"
    return f"{items:.0f}{unit} in {groups:.0f} groups"


def arrange_matrix(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with the `row` and `column` that show each condition in a grid, and its
    mean on one scale for all tasks (`scaled`: 0 for chance or less, 1 for the best possible).

    A row is a task and what else varies within one arm; a column is a model and initialisation.
    A baseline is shown in each row of its task and fraction whose sequences are as they are, as it
    reads no others, or in a row of its own where nothing was trained on them.
    """
    is_baseline = matrix["init"] == NONE
    trained, baselines = matrix[~is_baseline], matrix[is_baseline]
    as_is = trained[trained["recipe"].map(order_of) == AS_IS]
    baselines = baselines.drop(columns=["mapping", "recipe"]).merge(
        as_is[["task", *ROW_SETTINGS]].drop_duplicates(), on=["task", "fraction"], how="left"
    )
    baselines[["mapping", "recipe"]] = baselines[["mapping", "recipe"]].fillna(NONE)
    cells = pd.concat([trained, baselines], ignore_index=True)
    row = cells["task"].copy()
    for name in varying_columns(trained, ROW_SETTINGS, within=("task", "model", "init")):
        row += ", " + ("fraction " if name == "fraction" else "") + cells[name]
    several = trained["model"].nunique() > 1
    arm = cells["model"] + "\n" + cells["init"] if several else cells["init"]
    column = arm.where(cells["init"] != NONE, cells["model"].replace(BASELINE_NAMES))
    scaled = (cells["mean"] - cells["chance"]) / (1 - cells["chance"])
    cells = cells.assign(row=row, column=column, scaled=scaled.clip(0, 1))
    return in_task_order(cells, matrix["task"]).drop_duplicates(["row", "column"])


def name_constant(metric: str) -> str:
    """Return what chance is the score of, by a task's metric."""
    if metric in ("spearman", "pearson", "rmse", "r2"):
        return "a constant"
    answer = "labels" if name_answer([metric]) != "class" else "class"
    return f"always the commonest {answer}"


def in_task_order(table: pd.DataFrame, tasks: pd.Series) -> pd.DataFrame:
    """Return the rows of each task together, tasks in the order of `tasks`."""
    places = {task: place for place, task in enumerate(tasks.unique())}
    return table.loc[table["task"].map(places).sort_values(kind="stable").index]


def order_columns(cells: pd.DataFrame) -> list[str]:
    """Return the columns of an arranged matrix, those of baselines last."""
    order = cells.sort_values("init", key=lambda init: init == NONE, kind="stable")
    return list(order["column"].unique())
