"""Columns of a table of rows: those that every file has, and those cut out of others."""

import re
from pathlib import Path

import pandas as pd

from polymath.data.readers.files import stem_of
from polymath.util.errors import PolymathError, suggest

PLACE = "@place"  # where a row stands, for messages: file and line
ROW = "@row"  # file and number of a row, of which default ids are made
HIDDEN = (PLACE, ROW)


def with_origin(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Add the columns that say where rows come from, unless the file has its own."""
    folder = path.resolve().parent
    origin = {"file": stem_of(path), "folder": folder.name, "parent": folder.parent.name}
    for column, value in origin.items():
        if column not in table:
            table[column] = value
    if PLACE not in table:
        table[PLACE] = [f"{path}: row {number}" for number in range(1, len(table) + 1)]
    if ROW not in table:
        table[ROW] = table[PLACE]
    return table


def file_of(table: pd.DataFrame) -> str:
    """Return the file of a table's first row, for messages."""
    return str(table[PLACE].iloc[0]).rsplit(": ", 1)[0]


def cut_column(table: pd.DataFrame, column: str, pattern: str) -> pd.DataFrame:
    """Add the pattern's named groups as new columns; every value must match it."""
    require_column(table, column, "columns", file_of(table))
    for group in re.compile(pattern).groupindex:
        if group in table:
            raise PolymathError(
                f"{file_of(table)}: columns: {column}: group '{group}' is a column of the file "
                "already: give the group another name"
            )
    matches = [re.fullmatch(pattern, value) for value in table[column]]
    for place, value, match in zip(table[PLACE], table[column], matches, strict=True):
        if match is None:
            raise PolymathError(
                f"{place}: column '{column}' does not match the reader's pattern {pattern!r}: "
                f"{value[:80]!r}: correct the value, or the pattern under 'columns'"
            )
    cut = [match.groupdict(default="") for match in matches if match]
    return table.assign(**pd.DataFrame(cut, index=table.index, dtype=str))


def require_column(
    table: pd.DataFrame, column: str, role: str, where: object, hint: str = ""
) -> None:
    """Raise PolymathError with the nearest column if `column` is not in the table.

    Args:
        hint: what else may be wrong, for the end of the message.
    """
    if column in HIDDEN or column not in table:
        names = [name for name in table.columns if name not in HIDDEN]
        close = suggest(column, names)
        raise PolymathError(f"{where}: no column '{column}' for '{role}': {close}{hint}")
