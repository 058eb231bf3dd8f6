"""What a kept run says about where the help comes from: each source against random weights."""

from collections.abc import Iterator

import pandas as pd

from polymath.evaluation.mean_test import POWER
from polymath.reporting.claims_page import across_table
from polymath.reporting.tables import format_estimate, format_number, to_markdown

# Mappings that give a task's symbols the tokens that a model was pre-trained with.
OWN_TOKENS = ("character", "identity")
EVEN = 0.5  # the probability of a better run where arms do not differ
ARM = ["model", "init", "recipe", "tokens"]


def describe_sources(matrix: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return what each source gains over random weights: on all tasks, and on each.

    Args:
        matrix: of a kept run whose arms are the same model from different sources.
        summary: its families, with the mean gain over all tasks.
    """
    families = summary[summary["against"] == "scratch"]
    return "\n\n".join(
        [
            "All tasks together, 0 for chance and 1 for a perfect score:",
            to_markdown(across_table(families)).strip(),
            "Task by task: the mean test score, and its difference from random weights with the "
            "same tokens and recipe [95 %]:",
            to_markdown(_table_by_task(matrix)).strip(),
            _describe_items(matrix),
            "\n".join(f"- {sentence}" for sentence in _sentences(families, matrix)),
        ]
    )


def _table_by_task(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm and one column per task."""
    own = matrix["mapping"].isin(OWN_TOKENS)
    tokens = own.map({True: "own", False: "others'"}).where(matrix["mapping"] != "none", "–")
    table = matrix.assign(tokens=tokens, text=[_score(row) for row in matrix.to_dict("records")])
    wide = table.pivot(index=ARM, columns="task", values="text")
    order = table[ARM].drop_duplicates()
    return wide.loc[[*map(tuple, order.to_numpy())], [*matrix["task"].unique()]].reset_index()


def _describe_items(matrix: pd.DataFrame) -> str:
    """Return how many test items each task has, and what differences could be found with them."""
    listed = "; ".join(
        f"{task} {rows['items'].max():.0f}, {format_number(rows['detectable'].min())} to "
        f"{format_number(rows['detectable'].max())}"
        for task, rows in matrix.groupby("task", sort=False)
    )
    return (
        "Test items of each task, and the smallest differences that would be found with a power "
        f"of {POWER:.0%}, from the steadiest arm to the least steady one: {listed}."
    )


def _score(row: dict[str, float]) -> str:
    mean = format_number(row["mean"])
    if pd.isna(row["difference"]):
        return mean
    difference = format_estimate(
        row["difference"], row["difference_low"], row["difference_high"], "+.3f"
    )
    return f"{mean} ({difference})"


def _sentences(families: pd.DataFrame, matrix: pd.DataFrame) -> Iterator[str]:
    """Yield on which side of zero each source's gain lies, and what equal compute does."""
    for row in families.to_dict("records"):
        if row["gain_low"] > 0:
            side = "lies above zero"
        elif row["gain_high"] < 0:
            side = "lies below zero"
        else:
            side = "includes zero"
        chance = format_estimate(
            row["improvement"], row["improvement_low"], row["improvement_high"], ".3f"
        )
        even = row["improvement_low"] <= EVEN <= row["improvement_high"]
        yield (
            f"`{row['model']}`, {row['init']}: the interval of the difference on these tasks "
            f"together, over replicates alone, {side}; that of P(better), {chance}, "
            f"{'includes' if even else 'leaves out'} {EVEN}."
        )
    yield from _equal_compute(matrix)


def _equal_compute(matrix: pd.DataFrame) -> Iterator[str]:
    """Yield on which tasks random weights that train longer end above each pre-trained model."""
    recipes = [*matrix.loc[matrix["init"] == "scratch", "recipe"].unique()]
    for recipe in recipes[1:]:
        longer = matrix[matrix["recipe"] == recipe].set_index("task")
        default = matrix[(matrix["recipe"] == recipes[0]) & (matrix["init"] == "pretrained")]
        for model, rows in default.groupby("model", sort=False):
            scores = rows.set_index("task")["mean"]
            above = [task for task in longer.index if longer["mean"][task] > scores[task]]
            tasks = ", ".join(above) or "no task"
            yield (
                f"Random weights that train by the recipe `{recipe}` have a higher mean than "
                f"`{model}`, pretrained, by `{recipes[0]}` on {tasks}."
            )
