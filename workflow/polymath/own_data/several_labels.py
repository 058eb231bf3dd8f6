"""Recognise rows of several labels: joined in one column, or in several columns of 0 and 1."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from polymath.data.label_sets import NO, YES, explode_labels, join_columns
from polymath.data.readers import PLACE
from polymath.experiment.reader import LABEL_SEPARATOR
from polymath.own_data.forms import Form, is_number
from polymath.util.errors import PolymathError, list_names
from polymath.util.label_sets import split_labels

if TYPE_CHECKING:
    from polymath.own_data.roles import Roles

SEPARATORS = (";", "|", ",")
SURE, DOUBTFUL = 0.5, 0.1  # share of the values that have the separator
MOST_LABELS = 200
ROWS_PER_LABEL = 3  # on average, at least
FEWEST_ROWS = 10  # of a class or label that is kept beside larger ones
FEWEST_COLUMNS = 3  # of 0 and 1; two may be two tasks


def is_flag(values: pd.Series) -> bool:
    """Return whether a column says yes and no, as 0 and 1."""
    words = set(values.str.lower())
    return words <= YES | NO and bool(words & YES) and bool(words & NO)


def find_separator(values: pd.Series) -> tuple[str, float] | None:
    """Return what joins labels in a column, and the share of its filled values that have it.

    The parts between separators must be few and recur, and one of them in different values;
    numbers are no sets. None if nothing does.
    """
    filled = values[values != ""]
    if filled.empty or filled.map(lambda value: is_number(value.replace(",", ".", 1))).all():
        return None
    shares = {mark: float(filled.str.contains(mark, regex=False).mean()) for mark in SEPARATORS}
    for mark in sorted(SEPARATORS, key=lambda each: -shares[each]):
        if shares[mark] and _parts_are_labels(filled, mark):
            return mark, shares[mark]
    return None


def _parts_are_labels(values: pd.Series, mark: str) -> bool:
    sizes: Counter[str] = Counter()
    standing: dict[str, set[str]] = defaultdict(set)
    for value, count in values.value_counts().items():
        for part in split_labels(str(value), mark):
            sizes[part] += int(count)
            standing[part].add(str(value))
    if not 2 <= len(sizes) <= min(MOST_LABELS, sizes.total() / ROWS_PER_LABEL):
        return False
    return any(len(of_part) > 1 for of_part in standing.values())


def describe_sets(
    form: Form, roles: "Roles", facts: list[str], comments: dict[str, str]
) -> dict[str, Any]:
    """Return the entry's keys about sets of labels.

    Raises:
        PolymathError: if a column of 0 and 1 has another value, or fewer than two labels have
            rows enough.
    """
    separator = roles.label_separator or LABEL_SEPARATOR
    if isinstance(roles.label, str):
        sets = form.table[roles.label].astype(str)
    else:
        sets = join_columns(form.table[list(roles.label)], form.table[PLACE], separator)
    counts = explode_labels(sets, separator).value_counts()
    shown = [f"{name} {count:,} ({count / len(sets):.0%})" for name, count in counts.items()]
    without = int((sets.str.strip() == "").sum())
    facts.append(f"labels: {len(counts)}: {list_names(shown)}; {without:,} rows without a label")
    comments["type"] = "several labels per row, each against the rest"
    enough = counts[counts >= FEWEST_ROWS]
    if len(enough) < 2:
        raise PolymathError(
            f"only {len(enough)} labels have {FEWEST_ROWS} rows, which a split needs: add rows, or "
            "name another column by --label"
        )
    entry: dict[str, Any] = {"type": "multi-label"}
    if len(enough) < len(counts) and roles.split is None:
        entry["labels"] = sorted(map(str, enough.index))
        comments["labels"] = "labels to keep; rarer ones are taken off their rows"
        rare = list_names([str(name) for name in counts.index if name not in enough.index])
        facts.append(f"labels: those too rare to be split are taken off their rows: {rare}")
    return entry
