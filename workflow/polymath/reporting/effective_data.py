"""Effective data transferred, as people read it: sentences and a table of texts."""

import math
from typing import Any

import pandas as pd

from polymath.evaluation.effective_data import AT_MOST, NO_BOUND
from polymath.experiment.contrasts import PRETRAINED
from polymath.reporting.tables import DASH, drop_constant, format_number, varying_columns

SETTINGS = ("model", "init", "mapping", "recipe", "reference_model")
OPEN = "open"


def effective_data_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison and fraction, as texts, without settings that do not vary."""
    shown = table[["task", *SETTINGS, "fraction"]].assign(
        **{
            "score": [*map(format_number, table["mean"])],
            "random weights": [*map(format_number, table["reference_mean"])],
            "times the data": [*map(_estimate, table.to_dict("records"))],
            "interval": [_interval(row) or DASH for row in table.to_dict("records")],
            "measurable": [
                f"{low:.3g} to {high:.3g}"
                for low, high in zip(table["lowest"], table["highest"], strict=True)
            ],
            "n": table["n"].astype(str),
        }
    )
    return drop_constant(shown, SETTINGS)


def describe_effective_data(table: pd.DataFrame) -> list[str]:
    """Return a sentence per comparison of pre-trained with random weights: what it is worth."""
    rows = table[table["init"] == PRETRAINED]
    settings = [name for name in SETTINGS if name != "init"]
    names = ["task", *varying_columns(rows, settings)]
    return [
        f"{', '.join(map(str, name))}: {_worth(line.to_dict('records'))}."
        for name, line in rows.groupby(names, sort=False)
    ]


def _worth(rows: list[dict[str, Any]]) -> str:
    """Return what pre-training is worth on each fraction, in one clause."""
    bounds = {row["bound"] for row in rows}
    if bounds == {NO_BOUND}:
        return "the pre-trained model is not above chance on any fraction: nothing can be measured"
    if bounds <= {AT_MOST, NO_BOUND}:
        return (
            "the pre-trained model is not above random weights on any fraction: pre-training is "
            "worth no more data than was used"
        )
    parts = [
        f"{_estimate(row)} times the data {_interval(row)}".rstrip()
        + f" on a fraction of {row['fraction']}"
        for row in rows
        if row["bound"] != NO_BOUND
    ]
    return f"pre-training is worth {'; '.join(parts)}"


def _estimate(row: dict[str, Any]) -> str:
    if row["bound"] == NO_BOUND:
        return "not above chance"
    return f"{row['bound']} {row['multiplier']:.3g}".lstrip()


def _interval(row: dict[str, Any]) -> str:
    """Return the interval, empty where there is none; an end beyond the fractions is open."""
    low, high = row["multiplier_low"], row["multiplier_high"]
    if math.isnan(low):
        return ""
    ends = (f"{low:.3g}" if low > 0 else OPEN, OPEN if math.isinf(high) else f"{high:.3g}")
    return f"[{', '.join(ends)}]"
