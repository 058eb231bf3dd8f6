"""Read a source's files of one format into one table of text."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from polymath.data.readers.columns import cut_column, file_of, with_origin
from polymath.data.readers.delimited import read_delimited
from polymath.data.readers.files import ReadingNotes, choose_files
from polymath.data.readers.metadata import join_metadata
from polymath.data.readers.midi import read_scores
from polymath.data.readers.structured import flatten_lists, read_json, read_parquet, read_xlsx
from polymath.data.readers.text_records import read_fasta, read_lines
from polymath.experiment.reader import Reader
from polymath.util.errors import LISTED, PolymathError, list_names

READERS: dict[str, Callable[[Path, Reader, ReadingNotes], pd.DataFrame]] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
    "json": read_json,
    "lines": read_lines,
    "fasta": read_fasta,
}


def read_rows(
    files: list[Path],
    reader: Reader,
    workers: int = 1,
    notes: ReadingNotes | None = None,
    separator: str = " ",
) -> pd.DataFrame:
    """Read files of one format into one table; all values are text.

    Besides its own columns the table has `file`, `folder` and `parent` (unless it has its own),
    and PLACE and ROW: where a row stands, for messages and for ids.

    Args:
        workers: processes that read MIDI files, which is slow; rows keep the files' order.
        notes: collects what the user should know.
        separator: joins the symbols of a sequence that is a list.

    Raises:
        PolymathError: naming the files and rows that cannot be read.
    """
    notes = notes if notes is not None else ReadingNotes()
    chosen = choose_files(files, reader, notes)
    if reader.format == "midi":
        table = _combine(read_scores(chosen, workers), reader, notes)
    else:
        table = _combine([_read_table(path, reader, notes) for path in chosen], reader, notes)
    if reader.metadata is not None:
        table = join_metadata(table, files, reader, notes)
    for column, pattern in reader.columns.items():
        table = cut_column(table, column, pattern)
    return flatten_lists(table, reader, separator)


def _read_table(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame | PolymathError:
    """Return a file's rows, or why it cannot be read."""
    try:
        if path.stat().st_size == 0:
            raise PolymathError(f"{path}: the file is empty: give a file with at least one row")
        table = READERS[reader.format](path, reader, notes)
    except PolymathError as error:
        return error
    if table.empty:
        return PolymathError(
            f"{path}: no rows found: add some, or check 'format' ({reader.format})"
        )
    return with_origin(table, path)


def _combine(
    results: list[pd.DataFrame | PolymathError], reader: Reader, notes: ReadingNotes
) -> pd.DataFrame:
    """Return the rows of all files; those that cannot be read are refused or noted."""
    errors = [str(result) for result in results if isinstance(result, PolymathError)]
    tables = [result for result in results if not isinstance(result, PolymathError)]
    if errors and (reader.unreadable == "error" or not tables):
        lines = errors[:LISTED]
        if len(errors) > LISTED:
            lines.append(f"... and {len(errors) - LISTED} more files")
        if tables:
            lines[-1] += "; or set 'unreadable: drop' of the reader to leave such files out"
        raise PolymathError("\n".join(lines))
    notes.unreadable += errors
    joined = pd.concat(tables, ignore_index=True)
    for table in tables:
        if absent := [name for name in joined if name not in table]:
            notes.notices.append(
                f"{file_of(table)} has no column {list_names(absent)}, as other files have: it is "
                "read as empty"
            )
    return joined.fillna("")
