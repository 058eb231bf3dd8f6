"""Labels: spelling, names and the classes to keep."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from polymath.data.data_card import RejectedRows
from polymath.data.label_sets import explode_labels
from polymath.data.readers import PLACE
from polymath.data.readers.columns import file_of
from polymath.experiment.datasets import OTHER_LABELS, Dataset
from polymath.util.errors import PolymathError, list_names, suggest
from polymath.util.label_sets import join_labels

# Words for a missing value, as R, pandas and databases write them.
MISSING = frozenset({"NA", "N/A", "<NA>", "NaN", "nan", "None", "NULL", "null"})
SMALLEST_CLASS = 3  # rows: one for each split
WHOLE = re.compile(r"([-+]?\d+)\.0+").fullmatch
COMMA = re.compile(r"[-+]?\d+,\d+").fullmatch


def check_labels(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> pd.DataFrame:
    """Return the rows to keep with their labels: numbers for regression, else class names, or
    sets of them as text.

    Raises:
        PolymathError: naming the row whose label is missing or no number, or the classes that do
            not fit.
    """
    table["label"] = table["label"].str.strip()
    if dataset.reader.set_separator is not None:
        return table.assign(
            label=_read_sets(table, dataset, dataset.reader.set_separator, rejected)
        )
    missing = table["label"] == ""
    if missing.any():
        raise PolymathError(
            f"{table.loc[missing, PLACE].iloc[0]}: the label is missing ({missing.sum()} rows in "
            "total): fill it in or delete the row"
        )
    if dataset.type == "regression":
        return table.assign(label=_read_numbers(table, dataset.reader.decimal))
    _note_missing(table["label"], table, dataset, rejected)
    table["label"] = _name_classes(table["label"], dataset, rejected)
    if dataset.labels is not None:
        _require_present(dataset.labels, table["label"])
        table = rejected.drop(table, ~table["label"].isin(dataset.labels), "class not asked for")
    _check_classes(table, dataset, rejected)
    return table


def _require_present(asked: Sequence[str], labels: pd.Series) -> None:
    """Raise PolymathError if no row has one of the classes to keep."""
    present = set(labels)
    absent = sorted(set(asked) - present)
    if absent:
        raise PolymathError(
            f"labels: no row has the class '{absent[0]}': the column has "
            f"{list_names(sorted(present))}"
        )


def _read_sets(
    table: pd.DataFrame, dataset: Dataset, separator: str, rejected: RejectedRows
) -> pd.Series:
    """Return each row's set of labels as text: each once, without those that are not asked for."""
    single = explode_labels(table["label"], separator)
    _note_missing(single, table, dataset, rejected)
    single = _name_classes(single, dataset, rejected)
    if dataset.labels is not None:
        _require_present(dataset.labels, single)
        asked = single.isin(dataset.labels)
        if not asked.all():
            names = list_names(sorted(set(single[~asked])))
            rejected.notices.append(
                f"labels not asked for, and left out of {single[~asked].index.nunique()} sets: "
                f"{names}"
            )
        single = single[asked]
    if single.nunique() < 2:
        raise PolymathError(
            f"{file_of(table)}: {single.nunique()} labels: type multi-label needs two: check "
            "'label' and 'label_separator' of the reader"
        )
    counts = single.groupby(level=0).size().reindex(table.index, fill_value=0)
    if (counts == 1).all():
        rejected.notices.append(
            f"labels: every row has one label, none is joined by {separator!r}: set 'type: "
            "classification', or check 'label_separator' of the reader"
        )
    sets = single.groupby(level=0).agg(lambda own: join_labels(own, separator))
    return sets.reindex(table.index, fill_value="")


def _note_missing(
    labels: pd.Series, table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows
) -> None:
    """Note words for a missing value that are read as a class, unless the user names them.

    Args:
        labels: of rows of the table, by its index.
    """
    missing = labels.isin(MISSING - dataset.label_map.keys())
    if missing.any() and dataset.labels is None:
        words = list_names(sorted(set(labels[missing])))
        place = table.loc[missing.index[missing][0], PLACE]
        rejected.notices.append(
            f"labels: {words} in {missing.sum()} rows, the first {place}, is read as a class: if "
            "the label is missing there, name the classes to keep in 'labels'"
        )


def class_names(dataset: Dataset, table: pd.DataFrame) -> list[str]:
    """Return the classes in order, the positive one last; empty for regression."""
    if dataset.type == "regression":
        return []
    present = set(explode_labels(table["label"], dataset.reader.set_separator))
    names = [label for label in dataset.labels or sorted(present) if label in present]
    return sorted(names, key=lambda name: name == dataset.positive)


def _read_numbers(table: pd.DataFrame, decimal: str) -> pd.Series:
    text = table["label"]
    if decimal == ",":  # a point may then stand between thousands
        text = text.where(~text.str.contains(".", regex=False), "").str.replace(",", ".")
    numbers = pd.to_numeric(text, errors="coerce")
    bad = ~np.isfinite(numbers)
    if bad.any():
        first = table.loc[bad].iloc[0]
        remedy = "correct it, or set 'type: classification'"
        if COMMA(first["label"]):
            remedy = "set 'decimal: \",\"' of the reader if commas are decimal marks, or correct it"
        elif decimal == "," and "." in first["label"]:
            remedy = "write it without points, as commas are its decimal marks ('decimal')"
        raise PolymathError(
            f"{first[PLACE]}: label {first['label']!r} is not a finite number: {remedy}"
        )
    return numbers.astype(float)


def _name_classes(labels: pd.Series, dataset: Dataset, rejected: RejectedRows) -> pd.Series:
    """Return class names: one per spelling of a letter or number, and as `label_map` says."""
    composed = labels.map(lambda label: unicodedata.normalize("NFC", label))
    names = set(composed)
    if len(names) < labels.nunique():
        both = sorted(set(composed[composed != labels]))
        rejected.notices.append(
            f"labels: {list_names(both)} in composed and decomposed letters: read as one class each"
        )
    whole = {
        name: match[1] for name in names if (match := WHOLE(name)) is not None and match[1] in names
    }
    if whole:
        pairs = [f"'{number}' and '{name}'" for name, number in sorted(whole.items())]
        rejected.notices.append(f"labels: {list_names(pairs)} are one number, and one class")
    mapped = _map_labels(composed.replace(whole), whole, dataset.label_map)
    if dataset.labels is None:
        rejected.notices += notes_on_case(mapped)
    return mapped


def notes_on_case(labels: pd.Series) -> Iterator[str]:
    """Yield a notice for classes that differ only in case; single letters may well be two."""
    spellings: dict[str, list[str]] = {}
    for name in labels.value_counts().index:
        if len(name) > 1:
            spellings.setdefault(name.casefold(), []).append(name)
    for commonest, *rarer in spellings.values():
        if rarer:
            named = list_names([f"'{name}'" for name in (commonest, *rarer)])
            as_one = json.dumps(dict.fromkeys(rarer, commonest), ensure_ascii=False)
            yield (
                f"labels: {named} differ only in case and are classes of their own: set "
                f"'label_map: {as_one}' if they are one, or name the classes in 'labels' if not"
            )


def _map_labels(labels: pd.Series, whole: dict[str, str], label_map: dict[str, str]) -> pd.Series:
    """Rename classes as the user says, whose spelling may be any that the column has.

    Args:
        whole: the class that stands for each other spelling of a number.
    """
    named = dict(label_map)
    composed = {key: unicodedata.normalize("NFC", key) for key in named if key != OTHER_LABELS}
    others = named.pop(OTHER_LABELS, None)
    spelled = {whole.get(key, key): named[written] for written, key in composed.items()}
    absent = sorted(set(spelled) - set(labels))
    if absent:
        raise PolymathError(
            f"label_map: no row has the label '{absent[0]}': the column has "
            f"{list_names(sorted(set(labels)))}: correct the name, or leave it out"
        )
    return labels.map(lambda label: spelled.get(label, label if others is None else others))


def _check_classes(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> None:
    counts = table["label"].value_counts()
    file = file_of(table)
    if len(counts) < 2:
        raise PolymathError(
            f"{file}: all rows have the label '{counts.index[0]}': a classification task needs two "
            "classes"
        )
    if dataset.positive is not None and dataset.positive not in counts:
        raise PolymathError(
            f"{file}: positive: no row has the class '{dataset.positive}': "
            f"{suggest(dataset.positive, counts.index)}"
        )
    if dataset.positive is not None and len(counts) > 2:
        raise PolymathError(
            f"{file}: 'positive' needs two classes, not {len(counts)}: join the others in "
            f"'label_map', as {{{dataset.positive}: {dataset.positive}, \"{OTHER_LABELS}\": other}}"
        )
    if dataset.labels is None and not dataset.label_map and _are_measurements(counts.index):
        message = (
            f"all labels are numbers, some with decimals ({list_names(list(counts.index[:3]))}): "
            "set 'type: regression' to predict values"
        )
        if counts.min() < SMALLEST_CLASS:
            raise PolymathError(f"{file}: {message}, or name the classes in 'labels'")
        rejected.notices.append(f"labels: {message}")


def _are_measurements(names: pd.Index) -> bool:
    numbers = pd.to_numeric(pd.Series(list(names)), errors="coerce")
    return bool(np.isfinite(numbers).all() and (numbers % 1 != 0).any())
