"""Raw files to rows: one function per format, all returning a table of text columns.

Besides its own columns every table has `file` and `folder` (unless it has its own), and PLACE:
where a row stands, for error messages.
"""

import csv
import io
import json
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import pandas as pd
import pretty_midi
from Bio import SeqIO

from polymath.experiment.datasets import Reader
from polymath.util.errors import PolymathError, suggest

PLACE = "@place"
UNREADABLE = (
    pd.errors.ParserError,
    pd.errors.ParserWarning,
    pd.errors.EmptyDataError,
    UnicodeError,
    LookupError,  # an encoding that Python does not know
    csv.Error,
)


def read_rows(files: list[Path], reader: Reader, workers: int = 1) -> pd.DataFrame:
    """Read files of one format into one table; all values are text.

    Args:
        workers: processes that read MIDI files, which is slow; rows keep the files' order.

    Raises:
        PolymathError: naming the file and row that cannot be read.
    """
    midi = reader.format == "midi"
    table = _read_midi_files(files, reader, workers) if midi else _read_tables(files, reader)
    for column, pattern in reader.columns.items():
        table = _cut_column(table, column, pattern)
    return table


def _read_tables(files: list[Path], reader: Reader) -> pd.DataFrame:
    read = READERS[reader.format]
    tables = []
    for path in files:
        if path.stat().st_size == 0:
            raise PolymathError(f"{path}: the file is empty: give a file with at least one row")
        table = read(path, reader)
        if table.empty:
            raise PolymathError(
                f"{path}: no rows found: add some, or check 'format' ({reader.format})"
            )
        tables.append(_with_origin(table, path))
    return pd.concat(tables, ignore_index=True)


def _cut_column(table: pd.DataFrame, column: str, pattern: str) -> pd.DataFrame:
    """Add the pattern's named groups as new columns; every value must match it."""
    file = table[PLACE].iloc[0].rsplit(": ", 1)[0]
    require_column(table, column, "columns", file)
    for group in re.compile(pattern).groupindex:
        if group in table:
            raise PolymathError(
                f"{file}: columns: {column}: group '{group}' is a column of the file already: "
                "give the group another name"
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


def _with_origin(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    origin = {"file": path.stem, "folder": path.resolve().parent.name}
    for column, value in origin.items():
        if column not in table:
            table[column] = value
    if PLACE not in table:
        table[PLACE] = [f"{path}: row {number}" for number in range(1, len(table) + 1)]
    return table


def _read_delimited(path: Path, reader: Reader) -> pd.DataFrame:
    default = "\t" if reader.format == "tsv" else ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more fields than columns
            table = pd.read_csv(
                path,
                sep=reader.delimiter or default,
                dtype=str,
                index_col=False,
                keep_default_na=False,
                quoting=csv.QUOTE_MINIMAL if reader.quoting else csv.QUOTE_NONE,
                skiprows=[number - 1 for number in reader.skip_lines],
                encoding=reader.encoding,
                engine="python",
            )
    except UNREADABLE as error:
        raise PolymathError(
            f"{path}: not readable as {reader.format}: {error}: check 'delimiter', 'quoting' and "
            "'encoding' of its reader"
        ) from None
    return table.fillna("")  # rows that end early


def _read_parquet(path: Path, reader: Reader) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path, partitioning=None)
    except (OSError, ValueError) as error:
        raise PolymathError(f"{path}: not readable as Parquet: {error}") from None
    return table.astype(object).where(table.notna(), "").astype(str)


def _read_lines(path: Path, reader: Reader) -> pd.DataFrame:
    assert reader.pattern is not None
    pattern = re.compile(reader.pattern)
    lines = [
        (number, line)
        for number, line in enumerate(_read_text(path, reader).splitlines(), 1)
        if number not in reader.skip_lines and line.strip()
    ]
    rows = []
    for start in range(0, len(lines), reader.lines_per_row):
        of_row = lines[start : start + reader.lines_per_row]
        number, text = of_row[0][0], "\n".join(line for _, line in of_row)
        match = pattern.fullmatch(text)
        if match is None or len(of_row) < reader.lines_per_row:
            several = f" (the first of {reader.lines_per_row})" if reader.lines_per_row > 1 else ""
            raise PolymathError(
                f"{path}: line {number}{several} does not match the reader's pattern "
                f"{reader.pattern!r}: {text[:80]!r}: correct the line or the pattern, or add the "
                "line to 'skip_lines'"
            )
        rows.append({**match.groupdict(default=""), PLACE: f"{path}: line {number}"})
    return pd.DataFrame(rows, dtype=str)


def _read_text(path: Path, reader: Reader) -> str:
    try:
        return path.read_text(encoding=reader.encoding)
    except (UnicodeError, LookupError) as error:
        raise PolymathError(
            f"{path}: not readable as text: {error}: check 'encoding' of its reader"
        ) from None


def _read_json(path: Path, reader: Reader) -> pd.DataFrame:
    try:
        # Numbers stay as they are written.
        verbatim: dict[str, Any] = dict.fromkeys(
            ("parse_int", "parse_float", "parse_constant"), str
        )
        rows = json.loads(_read_text(path, reader), **verbatim)
    except json.JSONDecodeError as error:
        raise PolymathError(
            f"{path}: not readable as json: {error}: the file must be whole, and hold one list"
        ) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolymathError(
            f'{path}: not a list of objects, as [{{"sequence": "...", "label": 1}}]: write it '
            "so, or use another 'format'"
        )
    return pd.DataFrame([{name: _as_text(row[name]) for name in row} for row in rows]).fillna("")


def _as_text(value: Any) -> str:
    """Return a JSON value as text; of a list of one value (TAPE's labels), that value."""
    if isinstance(value, list) and len(value) == 1:
        return _as_text(value[0])
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _read_fasta(path: Path, reader: Reader) -> pd.DataFrame:
    try:
        text = io.StringIO(path.read_text(encoding=reader.encoding))
        rows = [
            {
                "header": record.description,
                "sequence": str(record.seq),
                PLACE: f"{path}: record {number}",
            }
            for number, record in enumerate(SeqIO.parse(text, "fasta"), 1)
        ]
    except (ValueError, LookupError) as error:
        reason = " ".join(str(error).split("\n\n")[0].split())  # Biopython's first paragraph
        raise PolymathError(
            f"{path}: not readable as FASTA: {reason}: it must start with '>'; check also "
            "'encoding' of its reader"
        ) from None
    return pd.DataFrame(rows, dtype=str)


READERS: dict[str, Callable[[Path, Reader], pd.DataFrame]] = {
    "csv": _read_delimited,
    "tsv": _read_delimited,
    "parquet": _read_parquet,
    "json": _read_json,
    "lines": _read_lines,
    "fasta": _read_fasta,
}


def _read_midi_files(files: list[Path], reader: Reader, workers: int) -> pd.DataFrame:
    scores = [path for path in files if path.suffix.lower() in (".mid", ".midi")]
    if not scores:
        raise PolymathError(f"no .mid or .midi file among the source's {len(files)} files")
    with ProcessPoolExecutor(
        min(workers, len(scores))
    ) as pool:  # starts no process before it is used
        # In order, so that of several broken files the first is named.
        pitches = list((pool.map if workers > 1 else map)(read_pitches, scores))
    rows = [
        {
            "sequence": " ".join(str(pitch) for pitch in of_score),
            "file": path.stem,
            "folder": path.resolve().parent.name,
            PLACE: f"{path}",
        }
        for path, of_score in zip(scores, pitches, strict=True)
    ]
    table = pd.DataFrame(rows, dtype=str)
    return _join_metadata(table, files, reader) if reader.metadata else table


def read_pitches(path: Path) -> list[int]:
    """Return the MIDI pitches of all notes except drums, by onset and then by pitch.

    Raises:
        PolymathError: if the file cannot be read as MIDI or has no notes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tempo changes on other tracks than the first
            midi = pretty_midi.PrettyMIDI(str(path))
    except Exception as error:  # pretty_midi and mido raise many kinds for broken files
        raise PolymathError(
            f"{path}: not readable as MIDI ({type(error).__name__}: {error}): replace the file, "
            "or take it out of the folder"
        ) from None
    notes = [
        note
        for instrument in midi.instruments
        if not instrument.is_drum
        for note in instrument.notes
    ]
    if not notes:
        raise PolymathError(f"{path}: no notes: take the file out of the folder")
    return [note.pitch for note in sorted(notes, key=lambda note: (note.start, note.pitch))]


def _join_metadata(table: pd.DataFrame, files: list[Path], reader: Reader) -> pd.DataFrame:
    named = [path for path in files if path.name == reader.metadata]
    if len(named) != 1:
        raise PolymathError(
            f"metadata: the source has {len(named)} files named '{reader.metadata}', not one"
        )
    metadata = pd.read_csv(named[0], dtype=str, keep_default_na=False, encoding=reader.encoding)
    require_column(metadata, reader.metadata_key, "metadata_key", named[0])
    names = [PurePosixPath(name) for name in metadata[reader.metadata_key]]
    with_folder = all(len(name.parts) > 1 for name in names)  # as 2004/sonata.midi
    metadata["@score"] = [_score_name(name, with_folder) for name in names]
    table["@score"] = [_score_name(Path(place), with_folder) for place in table[PLACE]]
    repeated = metadata["@score"].duplicated()
    if repeated.any():
        name = metadata.loc[repeated, "@score"].iloc[0]
        raise PolymathError(f"{named[0]}: file '{name}' is named twice in '{reader.metadata_key}'")
    absent = sorted(set(table["@score"]) - set(metadata["@score"]))
    if absent:
        raise PolymathError(
            f"{named[0]}: no row for file '{absent[0]}' ({len(absent)} files in total): add it, or "
            "take the file out of the folder"
        )
    clash = ["sequence", "folder", "file", reader.metadata_key]
    metadata = metadata.drop(columns=clash, errors="ignore")
    return table.merge(metadata, on="@score", how="left", validate="m:1").drop(columns="@score")


def _score_name(path: PurePath, with_folder: bool) -> str:
    """Return a file's name without its extension, after its folder's where tables give that."""
    stem = re.sub(r"\.midi?$", "", path.name, flags=re.IGNORECASE)
    return f"{path.parent.name}/{stem}" if with_folder else stem


def require_column(table: pd.DataFrame, column: str, role: str, where: object) -> None:
    """Raise PolymathError with the nearest column if `column` is not in the table."""
    if column == PLACE or column not in table:
        names = [name for name in table.columns if name != PLACE]
        raise PolymathError(f"{where}: no column '{column}' for '{role}': {suggest(column, names)}")
