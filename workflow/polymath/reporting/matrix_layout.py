"""The matrix laid out as a grid: which row and column each condition has."""

import pandas as pd

from polymath.experiment.conditions import NONE

SETTINGS = ["task", "mapping", "fraction", "recipe"]
BASELINES = {"majority": "majority", "ngram": "n-grams"}


def has_interval(low: float, high: float) -> bool:
    """Whether an interval says anything: not of one replicate, nor where nothing is random."""
    return high - low > 1e-9  # equal scores have a mean that may be off by rounding


def place_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with the `row` and `column` of each condition's cell, and its mean on one
    scale for all tasks (`scaled`: 0 for chance or less, 1 for the best possible).

    A row is a task, and what else varies within one arm; a column is a model and initialisation. A
    baseline stands in each row of its task and fraction, or, where nothing was trained, in its own.
    """
    is_baseline = table["init"] == NONE
    trained, simple = table[~is_baseline], table[is_baseline]
    simple = simple.drop(columns=["mapping", "recipe"]).merge(
        trained[SETTINGS].drop_duplicates(), on=["task", "fraction"], how="left"
    )
    simple[["mapping", "recipe"]] = simple[["mapping", "recipe"]].fillna(NONE)
    whole = pd.concat([trained, simple], ignore_index=True)
    row = whole["task"].copy()
    for name in _varying(trained):
        row += ", " + ("fraction " if name == "fraction" else "") + whole[name]
    several = trained["model"].nunique() > 1
    arm = whole["model"] + "\n" + whole["init"] if several else whole["init"]
    column = arm.where(whole["init"] != NONE, whole["model"].replace(BASELINES))
    scaled = (whole["mean"] - whole["chance"]) / (1 - whole["chance"])
    order = whole["task"].map({task: place for place, task in enumerate(table["task"].unique())})
    whole = whole.assign(row=row, column=column, scaled=scaled.clip(0, 1))
    return whole.loc[order.sort_values(kind="stable").index].drop_duplicates(["row", "column"])


def column_order(cells: pd.DataFrame) -> list[str]:
    """Return the columns of placed cells, those of baselines last."""
    order = cells.sort_values("init", key=lambda init: init == NONE, kind="stable")
    return list(order["column"].unique())


def _varying(trained: pd.DataFrame) -> list[str]:
    """Return what a row is named by beside its task: what varies in the same arm of a task."""
    counts = trained.groupby(["task", "model", "init"])[SETTINGS[1:]].nunique()
    return [name for name in SETTINGS[1:] if (counts[name] > 1).any()]
