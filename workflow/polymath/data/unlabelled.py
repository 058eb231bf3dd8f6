"""Rows to predict: read as a data set's own files, without labels."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polymath.data.data_card import RejectedRows
from polymath.data.readers import PLACE
from polymath.data.readers.columns import cut_column
from polymath.data.records import read_files, select_columns, sequence_columns
from polymath.data.symbols import check_symbols
from polymath.experiment.datasets import OTHER_LABELS, Dataset
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError
from polymath.util.label_sets import split_labels

FEWEST_LABELS = 0.5  # share of the lines to predict that have a label of the data set


def read_unlabelled(
    dataset: Dataset,
    files: list[Path],
    rejected: RejectedRows,
    classes: Sequence[str],
    workers: int = 1,
) -> pd.DataFrame:
    """Return the id and checked sequences of rows to predict, read as the data set's own files.

    Columns for labels, splits, groups and ids need not be there: rows without ids are named by
    file and row.

    Args:
        classes: of the data set; empty for regression.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    rows = read_files(dataset.reader.without_labels(), dataset, files, rejected, workers)
    _require_labels_of_lines(rows, dataset, classes, rejected)
    rows, reader = _cut_ids(rows, dataset.reader, rejected)
    dataset = dataset.model_copy(update={"reader": reader})
    table = select_columns(rows, dataset, rejected, roles=("id",))
    for column in sequence_columns(dataset):
        table = check_symbols(table, column, dataset.alphabet, rejected)
    return table


def _cut_ids(
    rows: pd.DataFrame, reader: Reader, rejected: RejectedRows
) -> tuple[pd.DataFrame, Reader]:
    """Cut out the ids of rows to predict where every row has one, else note what names the rows.

    What has no label may lack the id that stood beside it: a FASTA header `Q1` instead of
    `sp|Q1|nucleus`. Then the whole column is the id, and without a column of its own, the row.
    """
    if reader.id is None or reader.id in rows:
        return rows, reader
    for column, pattern in reader.columns.items():
        groups = re.compile(pattern).groupindex
        if column not in rows or not rows.columns.intersection([*groups]).empty:
            continue
        if all(re.fullmatch(pattern, value) for value in rows[column]):
            rows = cut_column(rows, column, pattern)
        elif reader.id in groups and rows[column].is_unique:
            rejected.notices.append(
                f"{rows[PLACE].iloc[0]}: ids are whole values of '{column}', as not all match "
                f"{pattern!r}"
            )
            rows = rows.assign(**{reader.id: rows[column]})
    if reader.id in rows:
        return rows, reader
    rejected.notices.append(f"there is no column '{reader.id}': ids are files and rows")
    return rows, reader.model_copy(update={"id": None})


def _require_labels_of_lines(
    rows: pd.DataFrame, dataset: Dataset, classes: Sequence[str], rejected: RejectedRows
) -> None:
    """Refuse lines without labels, whose first or last word the reader's pattern takes for one.

    Where every word may be a label, as `*` of `label_map` says, the first one is noted.
    """
    name = dataset.reader.label
    if dataset.reader.format != "lines" or not isinstance(name, str) or name not in rows:
        return
    labels = rows[name].str.strip()
    if OTHER_LABELS in dataset.label_map:
        rejected.notices.append(
            f"{rows[PLACE].iloc[0]}: {labels.iloc[0]!r} is left out as the label, by the pattern "
            f"{dataset.reader.pattern!r}"
        )
        return
    numbers = pd.to_numeric(labels, errors="coerce").notna()
    known, separator = {*classes, *dataset.label_map}, dataset.reader.set_separator
    fits = labels.isin(known) if classes else numbers
    if separator is not None:
        fits = labels.map(lambda text: known.issuperset(split_labels(text, separator)))
    fits |= labels == ""
    if fits.mean() < FEWEST_LABELS:
        raise PolymathError(
            f"{rows.loc[~fits, PLACE].iloc[0]}: {labels[~fits].iloc[0]!r} stands where the data "
            f"set's lines have the label, and is none ({(~fits).sum()} such rows): write any of "
            "its labels there, which is not read"
        )
