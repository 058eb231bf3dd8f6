"""Tables as people read them: numbers and intervals as text, Markdown, LaTeX, only what varies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.util.storage import whole_file

DASH = "–"
NO_SPREAD = "[no spread]"


def format_number(value: float, spec: str = ".3f") -> str:
    """Return a number as text, or a dash where there is none; what rounds to 0 has no minus."""
    place = spec[:1] in ("+", "-")
    return DASH if pd.isna(value) else f"{value:{spec[:place]}z{spec[place:]}}"


def format_interval(low: float, high: float, spec: str = "+.3f") -> str:
    """Return an interval in brackets, or a dash where there is none.

    One without width bounds nothing: all replicates agree, because there are few items to differ
    on, or because each gives all items one answer.
    """
    if pd.isna(low):
        return DASH
    if not has_width(low, high):
        return NO_SPREAD
    return f"[{low:{spec}}, {high:{spec}}]"  # with the minus of a bound just below 0


def format_estimate(
    value: float, low: float, high: float, spec: str = ".3f", without_interval: str = ""
) -> str:
    """Return a number with its interval in brackets.

    Args:
        without_interval: what follows the number where there is no interval.
    """
    if pd.isna(value):
        return DASH
    interval = without_interval if pd.isna(low) else format_interval(low, high, spec)
    return f"{format_number(value, spec)} {interval}".rstrip()


def format_p(p: float) -> str:
    """Return a p value, of which no rounding makes zero."""
    return "< 0.0001" if p < 0.0001 else format_number(p, ".4f" if p < 0.1 else ".3f")


def format_named(
    row: Mapping[str, Any], name: str, spec: str = "+.3f", without_interval: str = ""
) -> str:
    """Return `format_estimate` of a row's column `name` and its bounds, `name`_low and _high."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return format_estimate(row[name], low, high, spec, without_interval)


def format_estimates(table: pd.DataFrame, name: str, spec: str = "+.3f") -> list[str]:
    """Return `format_named` of every row."""
    return [format_named(row, name, spec) for row in table.to_dict("records")]


def format_counts(table: pd.DataFrame, name: str) -> list[str]:
    """Return how many of each row's n replicates a column counts: “2 of 3”."""
    return [f"{count:.0f} of {n:.0f}" for count, n in zip(table[name], table["n"], strict=True)]


def has_width(low: float, high: float) -> bool:
    """Return whether an interval is wider than rounding: there are replicates, and they differ."""
    return high - low > 1e-9


def varying_columns(
    table: pd.DataFrame, names: Sequence[str], within: Sequence[str] = ()
) -> list[str]:
    """Return those of the named columns that have several values; empty cells do not count.

    Args:
        within: columns that group the rows; a column varies if it does so within some group.
    """
    values = table[[name for name in names if name in table]]
    values = values.mask(values.isin(["", DASH]))
    if within:
        counts = values.groupby([table[name] for name in within]).nunique().max()
    else:
        counts = values.nunique()
    return [name for name in values if counts[name] > 1]


def drop_constant(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a table without those of the named columns that do not vary."""
    constant = set(names) - set(varying_columns(table, names))
    return table.drop(columns=[name for name in table if name in constant])


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table of texts and counts in Markdown."""
    return f"{table.to_markdown(index=False, disable_numparse=True)}\n"


def to_latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """Return a table of texts in LaTeX (package booktabs), with its caption above it."""
    return table.to_latex(
        index=False,
        escape=True,
        caption=caption.replace("%", r"\%"),
        label=label,
        column_format="l" * len(table.columns),
        position="t",
    )


def write_text(text: str, path: Path) -> None:
    """Write a page that ends in one line break."""
    with whole_file(path) as temporary:
        temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
