"""Files of one format: which of a source's files they are, and their text."""

import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from polymath.data.fetch.expansion import read_limited
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError, list_names

GZIP = b"\x1f\x8b"
PACKED = (".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")
# Of the other formats, any file.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "xlsx": (".xlsx", ".xlsm"),
    "parquet": (".parquet", ".pq"),
    "json": (".json", ".jsonl", ".ndjson"),
    "fasta": (".fasta", ".fa", ".fna", ".faa", ".ffn", ".fas"),
    "midi": (".mid", ".midi"),
}


@dataclass
class ReadingNotes:
    """What a user should know about how files were read.

    Attributes:
        notices: sentences for the log and the data card.
        unreadable: one message per file that was left out.
    """

    notices: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def choose_files(files: list[Path], reader: Reader, notes: ReadingNotes) -> list[Path]:
    """Return the files with the format's suffix, or all files if none has it.

    A table of metadata is not among them. Files left out are noted.
    """
    suffixes = SUFFIXES.get(reader.format, ())
    others = [path for path in files if path.name != reader.metadata]
    chosen = [path for path in others if _suffix_of(path) in suffixes]
    if not chosen:
        return others
    left = [path.name for path in others if _suffix_of(path) not in suffixes]
    if left:
        wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
        notes.notices.append(f"left out, as they are not {wanted}: {list_names(left)}")
    return chosen


def stem_of(path: Path) -> str:
    """Return a file's name without its extension, and without .gz."""
    return _unpacked_name(path).stem


def _suffix_of(path: Path) -> str:
    return _unpacked_name(path).suffix.lower()


def _unpacked_name(path: Path) -> Path:
    return Path(path.stem) if path.suffix.lower() == ".gz" else Path(path.name)


def read_text(path: Path, reader: Reader, what: str) -> str:
    """Return the text of a file, line ends as they are; unpack gzip.

    Args:
        what: the format, for messages.
    """
    if path.suffix.lower() in PACKED:
        raise PolymathError(f"{path}: compressed: unpack the file, or compress it by gzip instead")
    try:
        text = read_unpacked(path).decode(reader.encoding)
        text.encode()  # some encodings allow half characters, which no table can hold
        return text
    except (UnicodeError, LookupError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise PolymathError(
            f"{path}: not readable as {what}: {error}: check 'encoding' of its reader, and that "
            "the file is whole"
        ) from None


def read_unpacked(path: Path) -> bytes:
    """Return the bytes of a file, or those that it holds compressed by gzip.

    Raises:
        PolymathError: if they grow beyond all measure.
        zlib.error, gzip.BadGzipFile, EOFError: if it is damaged.
    """
    content = path.read_bytes()
    if not content.startswith(GZIP):
        return content
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
        return read_limited(unpacked.read, len(content), str(path))


def note_absent_lines(path: Path, text: str, reader: Reader, notes: ReadingNotes) -> None:
    """Note lines that are to be left out, but that a file does not have."""
    lines = split_lines(text)
    count = len(lines) - (not lines[-1])  # nothing stands after the last line's end
    absent = [str(number) for number in reader.skip_lines if number > count]
    if absent:
        notes.notices.append(
            f"{path.name}: 'skip_lines' names line {list_names(absent)}, and it has {count}"
        )


def split_lines(text: str) -> list[str]:
    """Return a text's lines without their ends, which are those of Python's text files.

    `str.splitlines` also ends lines at characters that stand in texts, as U+2028 and U+0085.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
