"""Recognise rows of several labels: joined in one column, or in several columns of 0 and 1."""

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from polymath.data.label_sets import NO, YES, explode_labels, join_columns
from polymath.data.readers import PLACE
from polymath.experiment.reader import LABEL_SEPARATOR
from polymath.own_data.forms import Form, is_decimal
from polymath.own_data.options import Asked
from polymath.util.errors import PolymathError, list_names
from polymath.util.label_sets import split_labels

if TYPE_CHECKING:
    from polymath.own_data.column_roles import ColumnRoles

SEPARATORS = (";", "|", ",")
LISTS = ("json", "parquet")  # formats whose values may be lists
SURE, DOUBTFUL = 0.5, 0.1  # share of the values that have the separator
MOST_LABELS = 200
ROWS_PER_LABEL = 3  # on average, at least
FEWEST_ROWS = 10  # of a class or label that is kept beside larger ones
FEWEST_COLUMNS = 3  # of 0 and 1; two may be two tasks


def is_flag(values: pd.Series) -> bool:
    """Return whether a column says yes and no, as 0 and 1."""
    words = set(values.str.lower())
    return words <= YES | NO and bool(words & YES) and bool(words & NO)


def find_separators(values: pd.Series) -> dict[str, float]:
    """Return what may join labels in a column, and the share of its filled values that have it,
    the largest first.

    The parts between separators must be few and recur, and one of them in different values;
    numbers are no sets.
    """
    filled = values[values != ""]
    if filled.empty or filled.map(is_decimal).all():
        return {}
    shares = {mark: float(filled.str.contains(mark, regex=False).mean()) for mark in SEPARATORS}
    return {
        mark: shares[mark]
        for mark in sorted(SEPARATORS, key=lambda each: -shares[each])
        if shares[mark] and _parts_are_labels(filled, mark)
    }


def join_lists(form: Form, name: str) -> tuple[pd.Series, str] | None:
    """Return a column's lists of labels as text, and a separator that no label has.

    Returns:
        None if the column holds no lists of few values that recur.
    """
    if form.reader["format"] not in LISTS:
        return None
    values = form.table[name].astype(str).str.strip().map(_parse_list)
    if not values.map(lambda value: isinstance(value, list)).any():
        return None
    lists = values.map(lambda value: value if isinstance(value, list) else [value] * (value != ""))
    labels = {str(label) for own in lists for label in own}
    free = [mark for mark in SEPARATORS if not any(mark in label for label in labels)]
    if not free or not 2 <= len(labels) <= min(MOST_LABELS, lists.map(len).sum() / ROWS_PER_LABEL):
        return None
    return lists.map(lambda own: free[0].join(map(str, own))), free[0]


def _parse_list(text: str) -> Any:
    """Return a list that the reader wrote as JSON, else the text."""
    if not text.startswith("["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parts_are_labels(values: pd.Series, mark: str) -> bool:
    sizes: Counter[str] = Counter()
    standing: dict[str, set[str]] = defaultdict(set)
    for value, count in values.value_counts().items():
        for label in split_labels(str(value), mark):
            sizes[label] += int(count)
            standing[label].add(str(value))
    if not 2 <= len(sizes) <= min(MOST_LABELS, sizes.total() / ROWS_PER_LABEL):
        return False
    return any(len(of_part) > 1 for of_part in standing.values())


def find_label_separator(form: Form, asked: Asked, roles: "ColumnRoles") -> str | None:
    """Return what joins the labels of a row; None if each row has one, or columns tell them.

    Raises:
        PolymathError: if it may be either.
    """
    if not isinstance(roles.label, str):
        return None
    if asked.label_separator is not None:
        return asked.label_separator or None
    lists = join_lists(form, roles.label)
    if lists is not None:
        roles.facts.append(f"type: multi-label, as values of '{roles.label}' are lists")
        return lists[1]
    values = form.table[roles.label].astype(str).str.strip()
    shares = find_separators(values)
    if not shares:
        return None
    likely = [mark for mark in shares if shares[mark] >= DOUBTFUL]
    if len(likely) > 1:
        counts = list_names([f"{shares[mark]:.0%} have '{mark}'" for mark in likely])
        raise PolymathError(
            f"of the values of '{roles.label}', {counts}: a row may have several labels: choose "
            f"by --label-separator '{likely[0]}' or '{likely[1]}', or '' if each row has one label"
        )
    mark, share = next(iter(shares.items()))
    example = values[values.str.contains(mark, regex=False)].iloc[0][:40]
    having = f"{share:.0%} of the values of '{roles.label}' have '{mark}', as '{example}'"
    if share >= SURE:
        roles.facts.append(
            f"type: multi-label, as {having}, and the parts recur (--label-separator '' reads one "
            "label per row)"
        )
        return mark
    if share >= DOUBTFUL:
        raise PolymathError(
            f"{having}: a row may have several labels, or one: choose by --label-separator "
            f"'{mark}' or --label-separator ''"
        )
    roles.facts.append(
        f"label: {having}, which is read as one label: --label-separator '{mark}' reads several"
    )
    return None


def describe_sets(
    form: Form, roles: "ColumnRoles", facts: list[str], comments: dict[str, str]
) -> dict[str, Any]:
    """Return the entry's keys about sets of labels.

    Raises:
        PolymathError: if a column of 0 and 1 has another value, or fewer than two labels have
            rows enough.
    """
    separator = roles.label_separator or LABEL_SEPARATOR
    if isinstance(roles.label, str):
        joined = join_lists(form, roles.label)
        sets = form.table[roles.label].astype(str)
        if joined is not None and joined[1] == separator:
            sets = joined[0]
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
