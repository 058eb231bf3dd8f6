"""Whether the learning curves of a kept run are flat at the end of their budget."""

from collections.abc import Iterator

import pandas as pd

from polymath.evaluation.statistics import estimate_mean
from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.reporting.tables import drop_constant, format_estimate, format_number, to_markdown

LAST = 0.25


def describe_curves(curves: pd.DataFrame) -> str:
    """Return per condition what the dev score gains over the last quarter of the budget.

    Args:
        curves: of a kept run, one row per replicate and point: `step`, `dev_score` and the
            condition's columns.
    """
    rows = [
        {**dict(zip(CONDITION_COLUMNS, names, strict=True)), **_end(condition)}
        for names, condition in curves.groupby([*CONDITION_COLUMNS], sort=False)
    ]
    table = drop_constant(pd.DataFrame(rows), CONDITION_COLUMNS)
    shown = table.drop(columns=["low", "high"])
    return f"{to_markdown(shown)}\n" + "\n".join(f"- {text}" for text in _sentences(table))


def _end(condition: pd.DataFrame) -> dict[str, object]:
    """Return a condition's mean dev score at three quarters and at the end, and the gain."""
    scores = condition.pivot(index="replicate", columns="step", values="dev_score")
    before = scores.loc[:, scores.columns <= (1 - LAST) * scores.columns.max()].iloc[:, -1]
    gain = estimate_mean((scores.iloc[:, -1] - before).to_numpy())
    return {
        "dev at 3/4": format_number(before.mean()),
        "dev at the end": format_number(scores.iloc[:, -1].mean()),
        "gain [95 %]": format_estimate(gain.mean, gain.low, gain.high, "+.3f"),
        "low": gain.low,
        "high": gain.high,
    }


def _sentences(table: pd.DataFrame) -> Iterator[str]:
    """Yield which curves still rise, and which fall, at the end."""
    for words, arms in {
        "still rises": table[table["low"] > 0],
        "falls": table[table["high"] < 0],
    }.items():
        if len(arms):
            names = "; ".join(
                " · ".join(str(row[name]) for name in CONDITION_COLUMNS if name in row)
                for row in arms.to_dict("records")
            )
            yield f"The mean dev score {words} over the last quarter in: {names}."
    flat = table[(table["low"] <= 0) & (table["high"] >= 0)]
    yield (
        f"In {len(flat)} of {len(table)} conditions the interval of the gain includes zero; "
        f"the highest end of all intervals is {table['high'].max():+.3f}."
    )
