"""How much of a score is left on shuffled sequences: is it composition that is read, or order?"""

from collections.abc import Iterator

import pandas as pd

from polymath.experiment.conditions import NONE
from polymath.experiment.input_orders import (
    AS_IS,
    SHUFFLED_INPUT,
    SHUFFLED_TRAINING,
    order_of,
    without_order,
)
from polymath.reporting.tables import DASH, drop_constant, format_number, varying_columns

ARM = ["task", "model", "init", "mapping", "fraction", "recipe"]
MOST_NAMED = 4  # arms in a sentence
# How a page calls the orders.
NAMES = {SHUFFLED_INPUT: "tested on shuffled", SHUFFLED_TRAINING: "trained on shuffled"}


def without_shuffled_tests(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return a matrix without conditions that are other conditions' models on shuffled input."""
    return matrix[[order_of(recipe) != SHUFFLED_INPUT for recipe in matrix["recipe"]]]


def order_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm with its scores on each order and the share that is left, as texts.

    Empty if the experiment shuffles nothing.
    """
    wide = _by_order(matrix)
    table = wide[ARM].assign(**{"as they are": [*map(format_number, wide[AS_IS])]})
    for order, name in NAMES.items():
        if order in wide:
            table[name] = [*map(format_number, wide[order])]
            table[f"left, {name}"] = [*map(_percent, _left(wide, order))]
    return drop_constant(table.assign(chance=[*map(format_number, wide["chance"])]), ARM[1:])


def describe_order(matrix: pd.DataFrame) -> list[str]:
    """Return a sentence per task: what its arms keep of their scores above chance."""
    wide = _by_order(matrix)
    names = varying_columns(wide, ARM[1:]) or ["init"]
    tasks = {task: [*_phrases(rows, names)] for task, rows in wide.groupby("task", sort=False)}
    return [
        f"{task}: of the score above chance, {', and '.join(phrases)}."
        for task, phrases in tasks.items()
        if phrases
    ]


def _phrases(rows: pd.DataFrame, names: list[str]) -> Iterator[str]:
    for order, name in NAMES.items():
        left = _left(rows, order) if order in rows else pd.Series(dtype=float)
        left = left[left.notna()]
        if len(left):
            arms = rows.loc[left.index, names].agg(" ".join, axis=1)
            yield f"{_shares(left, arms)} is left when {name} sequences"


def _shares(left: "pd.Series[float]", arms: "pd.Series[str]") -> str:
    """Return each arm's share, or the range of many."""
    if len(left) > MOST_NAMED:
        return f"{left.min():.0%} to {left.max():.0%} ({len(left)} arms)"
    return ", ".join(f"{share:.0%} ({arm})" for share, arm in zip(left, arms, strict=True))


def _by_order(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm that is shuffled in some condition, with a mean score per order."""
    trained = matrix[matrix["init"] != NONE]
    orders = trained["recipe"].map(order_of)
    arms = trained.assign(recipe=trained["recipe"].map(without_order), order=orders)
    wide = arms.pivot_table(index=ARM, columns="order", values="mean", sort=False)
    chances = arms.groupby(ARM, sort=False)["chance"].max()
    lows = arms[arms["order"] == AS_IS].groupby(ARM, sort=False)["low"].first()
    wide = wide.assign(chance=chances, low=lows).reset_index()
    shuffled = [order for order in NAMES if order in wide]
    if AS_IS not in wide or not shuffled:
        return pd.DataFrame(columns=[*ARM, AS_IS, "chance", "low"])
    return wide[wide[AS_IS].notna() & wide[shuffled].notna().any(axis=1)]


def _left(wide: pd.DataFrame, order: str) -> "pd.Series[float]":
    """Return the share of the score above chance that is left.

    NaN where the interval of the whole score reaches chance, as a share of next to nothing can be
    any number. A single replicate has no interval: its score counts.
    """
    above = wide[AS_IS] - wide["chance"]
    is_above = wide["low"].fillna(wide[AS_IS]) > wide["chance"]
    left: pd.Series[float] = ((wide[order] - wide["chance"]) / above).where(is_above)
    return left


def _percent(share: float) -> str:
    return DASH if pd.isna(share) else f"{share:.0%}"
