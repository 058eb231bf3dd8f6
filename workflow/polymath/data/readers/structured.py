"""Files with typed values: Parquet, JSON, JSON Lines and Excel. Lists stay lists."""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from polymath.data.fetch.expansion import refuse_bomb
from polymath.data.readers.columns import PLACE, ROW
from polymath.data.readers.files import ReadingNotes, read_text, split_lines
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError, list_names, suggest


def read_parquet(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read Parquet; an index that pandas stored is a column too, or several."""
    try:
        table = pd.read_parquet(path, partitioning=None, page_checksum_verification=True)
    except Exception as error:  # pyarrow and pandas raise many kinds for damaged files
        raise PolymathError(
            f"{path}: not readable as Parquet ({type(error).__name__}: {error}): check that the "
            "file is whole, and write it again"
        ) from None
    table.columns = [str(name) for name in table.columns]
    if not isinstance(table.index, pd.RangeIndex):
        names = _index_names(table.index)
        is_new = len(set(names)) == len(names) and not set(names) & set(table)
        table = table.reset_index(names=names) if is_new else table.reset_index(drop=True)
    if table.columns.has_duplicates:
        repeated = table.columns[table.columns.duplicated()][0]
        raise PolymathError(f"{path}: two columns are called '{repeated}': rename one of them")
    columns = {name: _cells(column, path) for name, column in table.items()}
    return pd.DataFrame(columns, index=range(len(table)), dtype=object)


def _index_names(index: pd.Index) -> list[str]:
    """Return the names of an index's levels: without one `index`, or of several `index_0`."""
    names = list(index.names)
    if len(names) == 1:
        return [str(names[0]) if names[0] is not None else "index"]
    return [str(n) if n is not None else f"index_{number}" for number, n in enumerate(names)]


def _cells(column: pd.Series, path: Path) -> list[Any]:
    """Return a column's values: lists, or text as pandas writes it; '' where one is missing."""
    for number, value in enumerate(column if column.dtype == object else (), 1):
        if isinstance(value, bytes) and not _is_text(value):
            raise PolymathError(
                f"{path}: row {number}: column '{column.name}' holds bytes that are no text: "
                f"{value[:20]!r}: write it as text, or leave it out of the file"
            )
    if column.dtype == object and any(hasattr(value, "tolist") for value in column):
        return ["" if value is None else value.tolist() for value in column]
    return column.astype(object).where(column.notna(), "").astype(str).to_list()


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeError:
        return False
    return True


def read_json(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read a list of objects, or one object per line (JSON Lines)."""
    text = read_text(path, reader, "json")
    try:
        value = _parse_json(text)
    except json.JSONDecodeError as error:
        lines = [(n, line) for n, line in enumerate(split_lines(text), 1) if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for _, line in lines[:2]):
            raise PolymathError(
                f"{path}: not readable as json: {error}: the file must be whole, and hold one list "
                "or one object per line"
            ) from None
        return _read_json_lines(path, lines)
    except ValueError as error:
        raise PolymathError(f"{path}: {error}") from None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise PolymathError(
            f'{path}: not a list of objects, as [{{"sequence": "...", "label": 1}}]: write it '
            "so, or use another 'format'"
        )
    for number, row in enumerate(value, 1):
        _require_whole_text(row, f"{path}: row {number}")
    return _as_table(value)


def _read_json_lines(path: Path, lines: list[tuple[int, str]]) -> pd.DataFrame:
    rows = []
    for number, line in lines:
        try:
            row = _parse_json(line)
        except ValueError as error:
            raise PolymathError(f"{path}: line {number}: not readable as json: {error}") from None
        if not isinstance(row, dict):
            raise PolymathError(f"{path}: line {number}: not an object: {line[:80]!r}")
        _require_whole_text(row, f"{path}: line {number}")
        rows.append(row)
    table = _as_table(rows)
    table[PLACE] = [f"{path}: line {number}" for number, _ in lines]
    table[ROW] = [f"{path}: row {number}" for number in range(1, len(rows) + 1)]
    return table


def _parse_json(text: str) -> Any:
    """Return a JSON value, its numbers as they are written."""
    verbatim: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), str)
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, **verbatim)
    except RecursionError:
        raise ValueError(
            "lists or objects are nested a thousand deep or more: write one flat object per row"
        ) from None


def _require_whole_text(row: dict[str, Any], place: str) -> None:
    """Refuse half characters (surrogates), which JSON can write and no table can hold."""
    for pair in row.items():
        try:
            json.dumps(pair, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise PolymathError(
                f"{place}: column {pair[0]!a} has half a character, "
                f"{error.object[error.start : error.end]!a}: correct it"
            ) from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise ValueError(f"an object has the key '{repeated[0]}' twice: remove one of them")
    return dict(pairs)


def _as_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [_as_cell(row.get(name)) for row in rows] for name in names}
    return pd.DataFrame(columns, index=range(len(rows)), dtype=object)


def _as_cell(value: Any) -> Any:
    """Return a JSON value as text or list; other values become JSON again."""
    if value is None:
        return ""
    return value if isinstance(value, str | list) else json.dumps(value)


def read_xlsx(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read one sheet of an Excel workbook; formulas have the values that were last saved."""
    from openpyxl.utils.exceptions import InvalidFileException

    # As openpyxl fails on damaged files, and on sheets that are one chart.
    unreadable = (OSError, ValueError, KeyError, AttributeError, TypeError, ParseError)
    damaged = (zipfile.BadZipFile, zlib.error, InvalidFileException)
    try:
        rows = _read_sheet(path, reader)
    except (*unreadable, *damaged) as error:
        raise PolymathError(
            f"{path}: not readable as Excel (.xlsx): {error}: check that the file is whole, or "
            "save the sheet as CSV"
        ) from None
    if not rows:
        return pd.DataFrame()
    header = list(reader.header) if reader.header else _strip_end(rows.pop(0)[1])
    width = len(header)
    for number, cells in rows:
        if any(cells[width:]):
            raise PolymathError(
                f"{path}: row {number} has {len(_strip_end(cells))} cells, the header {width}: "
                "name every column"
            )
    filled = [[*cells[:width], *[""] * (width - len(cells))] for _, cells in rows]
    table = pd.DataFrame(filled, columns=header, dtype=object)
    if table.columns.duplicated().any():
        raise PolymathError(
            f"{path}: the header names column '{table.columns[table.columns.duplicated()][0]}' "
            "twice: rename one of them"
        )
    return table.assign(**{PLACE: [f"{path}: row {number}" for number, _ in rows]})


def _read_sheet(path: Path, reader: Reader) -> list[tuple[int, list[str]]]:
    """Return the number and the texts of each row of the sheet that is asked for."""
    from openpyxl import load_workbook

    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    refuse_bomb(total, path.stat().st_size, str(path), "save the sheet as CSV")
    with closing(load_workbook(path, read_only=True, data_only=True)) as book:
        names = book.sheetnames
        if reader.sheet is None and len(names) > 1:
            raise PolymathError(
                f"{path}: several sheets, {list_names(names)}: name one as 'sheet', and "
                "for `new` by --sheet"
            )
        if reader.sheet is not None and reader.sheet not in names:
            near = suggest(reader.sheet, names)
            raise PolymathError(f"{path}: no sheet '{reader.sheet}': {near}")
        sheet = book[reader.sheet or names[0]]
        sheet.reset_dimensions()  # some programs state fewer rows than there are
        return list(_filled_rows(sheet.iter_rows(values_only=True)))


def _filled_rows(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the texts of each row that is not blank."""
    for number, row in enumerate(rows, 1):
        cells = ["" if cell is None else str(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            yield number, cells


def _strip_end(cells: list[str]) -> list[str]:
    """Return a row's cells without the blank ones at its end."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def flatten_lists(table: pd.DataFrame, reader: Reader, separator: str) -> pd.DataFrame:
    """Turn lists into text: those of sequences to their symbols, joined by the separator.

    A list of one value is that value, as in TAPE's labels. Lists of labels are joined by the
    reader's `label_separator`. Lists in columns that the reader does not name become JSON.

    Args:
        separator: of the alphabet's symbols; '' if each is one character.

    Raises:
        PolymathError: naming the row and column of a list that cannot be joined, or that stands
            where one value is needed.
    """
    for name in table.columns:
        if not any(isinstance(value, list) for value in table[name]):
            continue
        places = [f"{place}: column '{name}'" for place in table[PLACE]]
        cells = list(zip(table[name], places, strict=True))
        if name in reader.sequences:
            table[name] = [_join(value, place, separator) for value, place in cells]
        elif name in reader.label_columns and reader.label_separator is not None:
            table[name] = [
                _join_labels(value, place, reader.label_separator) for value, place in cells
            ]
        else:
            is_named = name in reader.named_columns
            table[name] = [_single_value(value, place, is_named) for value, place in cells]
    return table


def _single_value(value: Any, place: str, is_named: bool) -> str:
    """Return a value as text, and a list as JSON where the reader does not name its column."""
    value = _only_value(value)
    if not isinstance(value, list):
        return _as_text(value)
    if is_named:
        raise PolymathError(
            f"{place} is a list of {len(value)} values, {value!r:.80}: give one value per row"
        )
    return json.dumps(value)


def _only_value(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _join(value: Any, place: str, separator: str) -> str:
    value = _only_value(value)
    if not isinstance(value, list):
        return _as_text(value)
    symbols = [_as_text(symbol) for symbol in value]
    for number, (symbol, text) in enumerate(zip(value, symbols, strict=True), 1):
        if isinstance(symbol, list | dict) or symbol is None or not text:
            raise PolymathError(f"{place}: value {number} of the list is {symbol!r}, not a symbol")
        if separator in text if separator else len(text) > 1:
            inside = f"the separator {separator!r}" if separator else "several characters"
            raise PolymathError(
                f"{place}: value {number} of the list, {text!r}, has {inside}: use the alphabet "
                "{kind: separator, separator: ...} with a separator that no symbol has"
            )
    return separator.join(symbols)


def _join_labels(value: Any, place: str, separator: str) -> str:
    """Return a list of labels as text."""
    if not isinstance(value, list):
        return _as_text(value)
    labels = [_as_text(label) for label in value]
    for label in value:
        if isinstance(label, list | dict):
            raise PolymathError(f"{place}: {label!r:.80} in a list of labels: give names alone")
    for text in labels:
        if separator in text:
            raise PolymathError(
                f"{place}: label {text!r} has {separator!r}: set 'label_separator' to a text that "
                "no label has"
            )
    return separator.join(labels)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
