"""Join a table of metadata, such as labels, to sequences in files of another format."""

import re
from pathlib import Path, PurePath, PurePosixPath

import pandas as pd

from polymath.data.readers.columns import HIDDEN, PLACE, require_column
from polymath.data.readers.delimited import read_delimited
from polymath.data.readers.files import ReadingNotes
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError, list_names

KEY = "@key"


def join_metadata(
    table: pd.DataFrame, files: list[Path], reader: Reader, notes: ReadingNotes
) -> pd.DataFrame:
    """Add the columns of the reader's metadata table to each MIDI file or FASTA record.

    Raises:
        PolymathError: if the table is missing, unreadable, or lacks or repeats a name.
    """
    named = [path for path in files if path.name == reader.metadata]
    if len(named) != 1:
        raise PolymathError(
            f"metadata: the source has {len(named)} files named '{reader.metadata}', not one"
        )
    metadata = read_delimited(named[0], reader, notes)
    require_column(metadata, reader.metadata_key, "metadata_key", named[0])
    if reader.format == "midi":
        what = "file"
        names = [PurePosixPath(name) for name in metadata[reader.metadata_key]]
        with_folder = all(len(name.parts) > 1 for name in names)  # as 2004/sonata.midi
        metadata[KEY] = [_score_name(name, with_folder) for name in names]
        table[KEY] = [_score_name(Path(place), with_folder) for place in table[PLACE]]
    else:
        what = "record"
        metadata[KEY] = metadata[reader.metadata_key].str.strip()
        table[KEY] = [header.split(maxsplit=1)[0] if header else "" for header in table["header"]]
    repeated = metadata[KEY].duplicated()
    if repeated.any():
        raise PolymathError(
            f"{metadata.loc[repeated, PLACE].iloc[0]}: {what} "
            f"'{metadata.loc[repeated, KEY].iloc[0]}' is named twice in '{reader.metadata_key}'"
        )
    _require_rows(table, metadata, named[0], what)
    clash = [*HIDDEN, "sequence", "folder", "parent", "file", "header", reader.metadata_key]
    metadata = metadata.drop(columns=clash, errors="ignore")
    return table.merge(metadata, on=KEY, how="left", validate="m:1").drop(columns=KEY)


def _require_rows(table: pd.DataFrame, metadata: pd.DataFrame, path: Path, what: str) -> None:
    absent = sorted(set(table[KEY]) - set(metadata[KEY]))
    if absent:
        raise PolymathError(
            f"{path}: no row for {len(absent)} {what}s, {list_names(absent)}: add them, or take "
            f"the {what}s out of the source"
        )


def _score_name(path: PurePath, with_folder: bool) -> str:
    """Return a file's name without its extension, after its folder's where tables give that."""
    stem = re.sub(r"\.midi?$", "", path.name, flags=re.IGNORECASE)
    return f"{path.parent.name}/{stem}" if with_folder else stem
