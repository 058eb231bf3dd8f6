"""Published scores beside those of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.contrasts import PRETRAINED, TEXT, knows_domain
from polymath.experiment.input_orders import AS_IS, order_of
from polymath.experiment.lineage import Lineage
from polymath.reporting.matrix import METRIC_NAMES
from polymath.reporting.tables import DASH, format_number, varying_columns

COLUMNS = ["task", "metric", "differs", "model", "start", "score", "source", "citation", "remark"]


def published_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of `published_scores` as a table, which may be empty."""
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_published(
    published: pd.DataFrame, matrix: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Return each published score beside this run's means of the same starting point, as texts.

    Of this run count those on all training data and sequences as they are.
    """
    return pd.DataFrame(
        [
            {
                "task": row["task"],
                "source": row["source"],
                "model": row["model"],
                "start": row["start"],
                "metric": METRIC_NAMES[row["metric"]],
                "published": format_number(row["score"]),
                "here": _means_here(row, matrix, lineage),
                "their split": row["differs"] or "as here",
            }
            for row in published.to_dict("records")
        ]
    )


def remarks_on(published: pd.DataFrame) -> list[str]:
    """Return the citation of each source with what must be known of it."""
    sources = published.drop_duplicates("source")
    return [
        f"{row['source']}: {row['citation']}. {row['remark']}".strip()
        for row in sources.to_dict("records")
    ]


def _means_here(row: Mapping[str, Any], matrix: pd.DataFrame, lineage: Lineage) -> str:
    same = (matrix["task"] == row["task"]) & (matrix["metric"] == row["metric"])
    same &= matrix["fraction"].astype(float) == 1
    same &= matrix["recipe"].map(order_of) == AS_IS
    arms = matrix[same & (matrix["init"] != NONE)].to_dict("records")
    means = [arm for arm in arms if _start_of(arm, lineage) == row["start"]]
    varying = varying_columns(pd.DataFrame(means), ("mapping", "recipe"))
    named = (
        " · ".join([mean["model"], *(mean[name] for name in varying)])
        + f" {format_number(mean['mean'])}"
        for mean in means
    )
    return ", ".join(named) or DASH


def _start_of(arm: Mapping[str, Any], lineage: Lineage) -> str | None:
    """Return what an arm of this run started from in the words of published scores, if in any."""
    if arm["init"] != PRETRAINED:
        return str(arm["init"])
    if lineage.domains.get(arm["model"]) == TEXT:
        return PRETRAINED
    condition = Condition(*(arm[name] for name in CONDITION_COLUMNS))
    return "in-domain" if knows_domain(condition, arm["domain"], lineage) else None
