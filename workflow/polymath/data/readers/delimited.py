"""Tables of separated values: CSV and TSV."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from polymath.data.readers.columns import PLACE, ROW
from polymath.data.readers.files import ReadingNotes, note_absent_lines, read_text
from polymath.experiment.reader import Reader
from polymath.util.errors import LISTED, PolymathError, list_names

ROW_NAME = "row_name"


@dataclass
class _Table:
    """The fields of a file: its header, its rows and the lines on which they begin."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_delimited(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read a table of separated values; all values are text.

    Rows that end early are filled with empty text, and empty fields after the last column are
    ignored. A first column without a name, as R writes row names, is called `row_name`.

    Raises:
        PolymathError: naming the line that does not fit.
    """
    tabs = _has_tabs(path, reader)
    text = read_text(path, reader, reader.format if reader.format in ("csv", "tsv") else "csv")
    note_absent_lines(path, text, reader, notes)
    delimiter = reader.delimiter or ("\t" if tabs else ",")
    quoting = reader.quoting
    if quoting is None:
        quoting = not tabs or _header_is_quoted(text, delimiter, reader)
    try:
        table = _parse(text, delimiter, quoting, reader)
        _require_delimiter(table, path, reader)
        _name_columns(table, path, notes)
        _require_one_header(table, path)
        _require_one_line_fields(table, path, tabs, notes)
    except (csv.Error, re.error, TypeError, ValueError) as error:
        raise PolymathError(
            f"{path}: not readable as {'tsv' if tabs else 'csv'}: {error}: check 'delimiter', "
            "'quoting' and 'encoding' of its reader"
        ) from None
    if not quoting:
        _note_quotes(table, path, notes)
    frame = pd.DataFrame(table.rows, columns=_unique_names(table.header, path, reader), dtype=str)
    frame[PLACE] = [f"{path}: line {line}" for line in table.lines]
    frame[ROW] = [f"{path}: row {number}" for number in range(1, len(frame) + 1)]
    return frame


def _has_tabs(path: Path, reader: Reader) -> bool:
    """Return whether tabs are the default: by the format, or by the name of a metadata table."""
    if reader.format in ("csv", "tsv"):
        return reader.format == "tsv"
    return path.suffix.lower() in (".tsv", ".tab")


def _header_is_quoted(text: str, delimiter: str, reader: Reader) -> bool:
    """Return whether every name of the first line is quoted, as R's write.table does."""
    if reader.header is not None:
        return False
    _, line = next(_numbered_lines(text, reader.skip_lines), (0, ""))
    first = line.rstrip("\r\n")
    names = first.split(delimiter) if len(delimiter) == 1 else re.split(delimiter, first)
    return bool(first) and all(_is_quoted(name) for name in names)


def _is_quoted(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'


def _numbered_lines(text: str, skip: tuple[int, ...]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not left out, with their numbers and their ends."""
    skipped = frozenset(skip)  # thousands of lines may be named
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if number not in skipped:
            yield number, line


def _parse(text: str, delimiter: str, quoting: bool, reader: Reader) -> _Table:
    rows = list(_fields(text, delimiter, quoting, reader.skip_lines))
    header = list(reader.header) if reader.header else rows.pop(0)[1] if rows else []
    return _Table(header, [fields for _, fields in rows], [line for line, _ in rows])


def _fields(
    text: str, delimiter: str, quoting: bool, skip: tuple[int, ...]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's first line and fields; blank lines are no rows."""
    lines = list(_numbered_lines(text, skip))
    if len(delimiter) > 1:
        for number, line in lines:
            if line.strip():
                yield number, re.split(delimiter, line.rstrip("\r\n"))
        return
    # The module's limit is for one field; a field may be as long as the file.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    content = (line for _, line in lines)
    parser = (
        csv.reader(content, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL, strict=True)
        if quoting
        else csv.reader(content, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    )
    while True:
        first = parser.line_num  # of `lines`: as many were read before this row
        try:
            fields = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"line {lines[first][0]}: {error}") from None
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield lines[first][0], fields


def _name_columns(table: _Table, path: Path, notes: ReadingNotes) -> None:
    """Make every row as long as the header, which R writes without a name for row names."""
    width = len(table.header)
    if _has_row_names(table):
        table.header.insert(0, ROW_NAME)
        notes.notices.append(
            f"{path.name}: the header has {width} names and each row {width + 1} fields: the "
            f"first is taken for a row's number, as R writes it (column '{ROW_NAME}')"
        )
        return
    for number, (line, fields) in enumerate(zip(table.lines, table.rows, strict=True)):
        if any(field.strip() for field in fields[width:]):
            hint = ""
            if len(fields) == width + 1:
                hint = (
                    " (if the first is the row's name, name all columns in 'header' and put the "
                    "line of the header in 'skip_lines')"
                )
            raise ValueError(f"line {line} has {len(fields)} fields, the header {width}{hint}")
        table.rows[number] = [*fields[:width], *[""] * (width - len(fields))]


def _has_row_names(table: _Table) -> bool:
    """Return whether all rows have one field more than the header, the first a distinct number."""
    width = len(table.header)
    if not table.rows or any(len(fields) != width + 1 for fields in table.rows):
        return False
    names = [fields[0] for fields in table.rows]
    return len(set(names)) == len(names) and all(name.isdecimal() for name in names)


def _require_one_header(table: _Table, path: Path) -> None:
    """Refuse lines that repeat the header, as joined files have them."""
    pairs = zip(table.lines, table.rows, strict=True)
    repeated = [str(line) for line, row in pairs if row == table.header]
    if len(table.header) > 1 and repeated:
        raise PolymathError(
            f"{path}: the header is repeated on line {list_names(repeated)}: remove what repeats "
            f"it, or name it in 'skip_lines: [{', '.join(repeated[:LISTED])}]' of the reader"
        )


def _require_one_line_fields(table: _Table, path: Path, tabs: bool, notes: ReadingNotes) -> None:
    """Refuse line ends inside a TSV's fields, which quotes would join to one row; note a CSV's."""
    broken = [
        line
        for line, fields in zip(table.lines, table.rows, strict=True)
        if any("\n" in field or "\r" in field for field in fields)
    ]
    if broken and tabs:
        raise ValueError(
            f"line {broken[0]}: a quote opens a field that ends on a later line: set 'quoting: "
            "false'"
        )
    if broken:
        notes.notices.append(
            f"{path.name}: {len(broken)} rows have quoted fields of several lines, the first on "
            f"line {broken[0]}: set 'quoting: false' if their quotes are part of the text"
        )


def _note_quotes(table: _Table, path: Path, notes: ReadingNotes) -> None:
    quoted = sum(_is_quoted(field) for fields in table.rows for field in fields)
    if quoted:
        notes.notices.append(
            f"{path.name}: {quoted} fields are enclosed in quotes, which are kept: set 'quoting: "
            "true' to remove them"
        )


def _require_delimiter(table: _Table, path: Path, reader: Reader) -> None:
    """Refuse a header of one column that another delimiter would cut."""
    if reader.delimiter or len(table.header) != 1 or set(table.header) & reader.named_columns:
        return
    count, mark = max((table.header[0].count(mark), mark) for mark in ";\t|,")
    if count:
        raise PolymathError(
            f"{path}: the header is one column, {table.header[0][:80]!r}: set 'delimiter: "
            f'"{mark}"\' of the reader'.replace("\t", r"\t")
        )


def _unique_names(header: list[str], path: Path, reader: Reader) -> list[str]:
    """Return the header with repeated and empty names told apart, as pandas does."""
    names, seen = [], Counter[str]()
    for number, name in enumerate(header):
        if name in seen and name in reader.named_columns:
            raise PolymathError(
                f"{path}: the header names column '{name}' twice: rename one of them"
            )
        names.append((f"{name}.{seen[name]}" if seen[name] else name) or f"Unnamed: {number}")
        seen[name] += 1
    return names
