"""Published scores beside those of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from polymath.reporting.metric_names import METRIC_NAMES
from polymath.reporting.tables import DASH, format_number

COLUMNS = ["task", "metric", "differs", "model", "start", "score", "source", "citation", "remark"]


def published_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of `published_scores` as a table, which may be empty."""
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_published(published: pd.DataFrame, matrix: pd.DataFrame) -> pd.DataFrame:
    """Return each published score beside this run's means of the same starting point, as texts."""
    return pd.DataFrame(
        [
            {
                "task": row["task"],
                "source": row["source"],
                "model": row["model"],
                "start": row["start"],
                "metric": METRIC_NAMES[row["metric"]],
                "published": format_number(row["score"]),
                "here": _means_here(row, matrix),
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


def _means_here(row: Mapping[str, Any], matrix: pd.DataFrame) -> str:
    same = (matrix["task"] == row["task"]) & (matrix["init"] == row["start"])
    same &= matrix["metric"] == row["metric"]
    if row["start"] == "none" or not same.any():
        return DASH
    means = matrix[same]
    return ", ".join(
        f"{mean['model']} {format_number(mean['mean'])}" for mean in means.to_dict("records")
    )
