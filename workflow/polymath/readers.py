"""Raw files to rows: one function a format, all giving a table of text columns.

Besides its own columns every table has `file` and `folder` (unless it brings its own), and
PLACE, which says where a row stands, for error messages.
"""

import csv
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pretty_midi
from Bio import SeqIO

from polymath.catalogue import Reader
from polymath.errors import PolymathError, suggest

PLACE = "@place"
UNREADABLE = (
    pd.errors.ParserError,
    pd.errors.ParserWarning,
    pd.errors.EmptyDataError,
    UnicodeError,
    LookupError,  # an encoding that Python does not know
    csv.Error,
)


def read_rows(files: list[Path], reader: Reader) -> pd.DataFrame:
    """Read files of one format into one table; all values are text.

    Raises:
        PolymathError: naming the file and row that cannot be read.
    """
    if reader.format == "midi":
        return _read_midi_files(files, reader)
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


def _with_origin(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    own = {"file": path.stem, "folder": path.resolve().parent.name}
    for column, value in own.items():
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
    rows = []
    try:
        text = path.read_text(encoding=reader.encoding)
    except (UnicodeError, LookupError) as error:
        raise PolymathError(
            f"{path}: not readable as text: {error}: check 'encoding' of its reader"
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        if number in reader.skip_lines or not line.strip():
            continue
        match = pattern.fullmatch(line)
        if match is None:
            raise PolymathError(
                f"{path}: line {number} does not fit the reader's pattern {reader.pattern!r}: "
                f"{line[:80]!r}: mend the line, or the pattern, or name it in 'skip_lines'"
            )
        rows.append({**match.groupdict(default=""), PLACE: f"{path}: line {number}"})
    return pd.DataFrame(rows, dtype=str)


def _read_fasta(path: Path, reader: Reader) -> pd.DataFrame:
    rows: list[dict[str, str]] = []
    try:
        text = io.StringIO(path.read_text(encoding=reader.encoding))
        for record in SeqIO.parse(text, "fasta"):
            parts = [part.strip() for part in record.description.split(reader.separator)]
            if len(parts) < len(reader.header):
                raise PolymathError(
                    f"{path}: record {len(rows) + 1}, header {record.description!r}: expected "
                    f"{len(reader.header)} parts ({reader.separator.join(reader.header)}): "
                    "mend it, or 'header' and 'separator' of the reader"
                )
            fields = dict(zip(reader.header, parts, strict=False))
            place = f"{path}: record {len(rows) + 1}"
            rows.append({**fields, "sequence": str(record.seq), PLACE: place})
    except (ValueError, LookupError) as error:
        reason = " ".join(str(error).split("\n\n")[0].split())  # Biopython writes an essay
        raise PolymathError(
            f"{path}: not readable as FASTA: {reason}: it must start with '>'; check also "
            "'encoding' of its reader"
        ) from None
    return pd.DataFrame(rows, dtype=str)


READERS: dict[str, Callable[[Path, Reader], pd.DataFrame]] = {
    "csv": _read_delimited,
    "tsv": _read_delimited,
    "parquet": _read_parquet,
    "lines": _read_lines,
    "fasta": _read_fasta,
}


def _read_midi_files(files: list[Path], reader: Reader) -> pd.DataFrame:
    scores = [path for path in files if path.suffix.lower() in (".mid", ".midi")]
    if not scores:
        raise PolymathError(f"no .mid or .midi file among the source's {len(files)} files")
    rows = [
        {
            "sequence": " ".join(str(pitch) for pitch in read_pitches(path)),
            "file": path.stem,
            "folder": path.resolve().parent.name,
            PLACE: f"{path}",
        }
        for path in scores
    ]
    table = pd.DataFrame(rows, dtype=str)
    return _join_metadata(table, files, reader) if reader.metadata else table


def read_pitches(path: Path) -> list[int]:
    """Return the MIDI pitches of all notes but drums, by onset and then by pitch.

    Raises:
        PolymathError: if the file cannot be read as MIDI or has no notes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tempo changes on other tracks than the first
            midi = pretty_midi.PrettyMIDI(str(path))
    except Exception as error:  # pretty_midi and mido raise many kinds on broken files
        raise PolymathError(
            f"{path}: not readable as MIDI ({type(error).__name__}: {error}): is the file whole? "
            "Mend it or take it out of the folder"
        ) from None
    notes = [note for part in midi.instruments if not part.is_drum for note in part.notes]
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
    metadata[reader.metadata_key] = [
        re.sub(r"\.midi?$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
        for name in metadata[reader.metadata_key]
    ]
    repeated = metadata[reader.metadata_key].duplicated()
    if repeated.any():
        name = metadata.loc[repeated, reader.metadata_key].iloc[0]
        raise PolymathError(f"{named[0]}: file '{name}' is named twice in '{reader.metadata_key}'")
    absent = sorted(set(table["file"]) - set(metadata[reader.metadata_key]))
    if absent:
        raise PolymathError(
            f"{named[0]}: no row for file '{absent[0]}' ({len(absent)} files in all): add it, or "
            "take the file out of the folder"
        )
    clash = [name for name in ("sequence", "folder", "file") if name != reader.metadata_key]
    joined = metadata.drop(columns=clash, errors="ignore")
    joined = joined.rename(columns={reader.metadata_key: "file"})
    return table.merge(joined, on="file", how="left", validate="m:1")


def require_column(table: pd.DataFrame, column: str, role: str, where: object) -> None:
    """Raise PolymathError with the nearest column if `column` is not in the table."""
    if column not in table:
        names = [name for name in table.columns if name != PLACE]
        raise PolymathError(f"{where}: no column '{column}' for '{role}': {suggest(column, names)}")
