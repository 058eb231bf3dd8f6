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
    shown = table.drop(columns=["mean", "high", "lowest", "median"])
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
        "trend": _trend(gain.low, gain.high),
        "mean": gain.mean,
        "high": gain.high,
        **_lowest(scores.iloc[:, -1]),
    }


def _lowest(ends: pd.Series) -> dict[str, float]:
    """Return the lowest end of a condition's runs and the median of them all."""
    return {"lowest": ends.min(), "median": ends.median()}


def _trend(low: float, high: float) -> str:
    """Return whether a mean dev score still changes, by the interval of its gain."""
    if low > 0:
        return "rises"
    return "falls" if high < 0 else "not shown"


def _sentences(table: pd.DataFrame) -> Iterator[str]:
    """Yield how many curves still rise or fall at the end, and how far any may."""
    rising, falling = (int((table["trend"] == word).sum()) for word in ("rises", "falls"))
    yield (
        f"By these intervals the mean dev score still rises over the last quarter in {rising} of "
        f"{len(table)} conditions, and falls in {falling}."
    )
    yield (
        f"The largest gain is {table['mean'].max():+.3f} in the mean, and the highest end of all "
        f"intervals {table['high'].max():+.3f}. A gain that is not shown is not zero."
    )
    apart = table.loc[(table["median"] - table["lowest"]).idxmax()]
    named = ", ".join(apart[column] for column in CONDITION_COLUMNS if column in apart)
    yield (
        f"The run that ends farthest below the median of its condition is one of {named}: "
        f"{apart['lowest']:.3f}, where the median is {apart['median']:.3f}."
    )
