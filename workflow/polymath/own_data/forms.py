"""Find out how files are written: format, encoding, delimiter, quoting and header."""

import csv
import gzip
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.data.readers import ReadingNotes, read_rows
from polymath.data.readers.columns import HIDDEN
from polymath.data.readers.files import GZIP, PACKED, SUFFIXES, read_unpacked, split_lines
from polymath.experiment.reader import Reader
from polymath.own_data.lines import find_line_form
from polymath.util.errors import PolymathError, list_names

DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "vertical bar", ",": "comma"}
ORIGIN = ("file", "folder", "parent")  # columns that every reader adds
# What to save files of other formats as, by their suffix.
NOT_READ = {".fastq": "FASTA", ".fq": "FASTA", ".xls": "Excel (.xlsx) or CSV", ".ods": "CSV",
            ".feather": "Parquet", ".arrow": "Parquet", ".rds": "CSV"}  # fmt: skip
LOOKED_AT = 500  # lines by which a delimiter is chosen
REGULAR = 0.98  # share of the lines that have the same number of fields
ASCII = bytes(range(128))
SEPARATOR_LINE = re.compile("sep=.?", re.IGNORECASE)  # above a table, for Excel
MOST_ACCENTED = 0.2  # share of the bytes of a text in a Western European language
MOST_NAMES = 8  # of columns that are shown
MOST_WORDS = 4  # in the name of a column


@dataclass
class Form:
    """How files are written.

    Attributes:
        reader: the keys of the configuration's `reader` that are known so far.
        table: the rows, as `read_rows` returns them.
        has_names: whether the columns have names of their own.
        facts: what was concluded, and why.
    """

    reader: dict[str, Any]
    table: pd.DataFrame
    has_names: bool = True
    facts: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The files' own columns."""
        hidden = (*HIDDEN, *ORIGIN, "header" if self.reader["format"] == "fasta" else "")
        return [name for name in self.table.columns if name not in hidden]


def find_form(files: list[Path], sheet: str | None = None) -> Form:
    """Find out how files are written, and read them.

    Args:
        sheet: name of the sheet to read in an Excel file.

    Raises:
        PolymathError: naming what cannot be read.
    """
    kind, chosen = _commonest_format(files)
    reader: dict[str, Any] = {"format": kind}
    facts = []
    if kind in ("csv", "text"):
        encoding = _find_encoding(chosen)
        text = _read(chosen[0], encoding)
        reader = _find_text_form(text, chosen[0])
        if reader["format"] in ("csv", "tsv"):
            reader |= _find_preamble(chosen, encoding)
        if encoding != "utf-8-sig":
            reader["encoding"] = encoding
        facts.append(_describe_text(reader, encoding))
        if "skip_lines" in reader:
            shown = split_lines(text)[reader["skip_lines"][0] - 1][:40]
            facts.append(f"skip_lines: what is above the table, from {shown!r}, is left out")
    if sheet is not None:
        if kind != "xlsx":
            raise PolymathError(f"--sheet {sheet}: {chosen[0]} is not Excel: leave out the option")
        reader["sheet"] = sheet
    table = _read_all(files, reader, facts)
    form = Form(reader, table, facts=facts)
    if reader["format"] in ("csv", "tsv", "xlsx"):
        form = _find_header(form, files)
    return form


def _commonest_format(files: list[Path]) -> tuple[str, list[Path]]:
    """Return the format of most files, and these; tables beside MIDI or FASTA do not count."""
    kinds = {path: _format_of(path) for path in files}
    counts = Counter(kinds.values())
    for main in ("midi", "fasta"):
        if counts[main]:
            return main, [path for path, kind in kinds.items() if kind == main]
    known = [kind for kind, _ in counts.most_common() if kind != "unknown"]
    packed = [path for path in files if path.suffix.lower() in PACKED]
    if not known and packed:
        raise PolymathError(f"{packed[0]}: compressed: unpack it, or compress it by gzip instead")
    if not known:
        raise PolymathError(
            f"no file of a known format among {list_names([str(path) for path in files])}: save "
            "the data as CSV, TSV, Excel (.xlsx), Parquet, JSON, FASTA, MIDI or lines of text"
        )
    kind = max(known, key=lambda name: (counts[name], name != "text"))
    others = [path.name for path, its in kinds.items() if its == "unknown"]
    if kind == "text" and others:
        raise PolymathError(
            f"beside lines of text there are {list_names(others)}, which would be read as lines "
            "too: take them out of the folder"
        )
    return kind, [path for path, its in kinds.items() if its == kind]


def _format_of(path: Path) -> str:
    """Return a file's format by its first bytes, and by its name where these do not tell."""
    unpacked = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    suffix = unpacked.suffix.lower()
    if instead := NOT_READ.get(suffix):
        raise PolymathError(
            f"{path}: {unpacked.suffix} is not read: save it as {instead}, or take it away"
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(GZIP):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, 4096)  # of a file cut short, too
        except zlib.error:
            return "unknown"
    for magic, kind in ((b"MThd", "midi"), (b"PAR1", "parquet"), (b"PK\x03\x04", "xlsx")):
        if start.startswith(magic):
            if kind == "xlsx" and path.suffix.lower() in PACKED:
                raise PolymathError(f"{path}: compressed: unpack it, and name the file or folder")
            return kind
    if start.lstrip(b"\xef\xbb\xbf \r\n").startswith(b">"):
        return "fasta"
    if suffix in SUFFIXES["midi"]:
        return "midi"  # broken: its reader says how
    if suffix in SUFFIXES["json"] or start.lstrip().startswith((b'{"', b"[{")):
        return "json"
    if suffix in (*SUFFIXES["csv"], *SUFFIXES["tsv"]):
        return "csv"
    is_binary = b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff"))
    documents = (".md", ".pdf", ".py", ".r", ".sh", ".html", ".yaml", ".yml")
    return "unknown" if is_binary or suffix in documents else "text"


def _find_encoding(files: list[Path]) -> str:
    """Return the encoding of all files; refuse files that differ: some would be misread.

    Files of ASCII alone fit UTF-8 and Windows' encoding.
    """
    first: dict[str, Path] = {}
    for path in files:
        first.setdefault(_encoding_of(path), path)
    if "utf-16" not in first and len(first) > 1:
        first.pop("ascii", None)
    if len(first) > 1:
        shown = ", ".join(f"{path.name} ({encoding})" for encoding, path in first.items())
        raise PolymathError(f"the files differ in their encoding: {shown}: save all as UTF-8")
    (encoding,) = first
    return "utf-8-sig" if encoding == "ascii" else encoding


def _encoding_of(path: Path) -> str:
    """Return UTF-8 if a file is that, UTF-16 by its mark, else Windows' Western European."""
    content = _unpacked(path)
    if content.isascii():
        return "ascii"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if len(content.translate(None, ASCII)) > MOST_ACCENTED * len(content):
            raise PolymathError(
                f"{path}: not UTF-8, and too many letters with accents for Windows' Western "
                "European encoding: save it as UTF-8"
            ) from None
        return "cp1252"
    return "utf-8-sig"


def _unpacked(path: Path) -> bytes:
    try:
        return read_unpacked(path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise PolymathError(f"{path}: {error}: check that the file is whole") from None


def _read(path: Path, encoding: str) -> str:
    try:
        return _unpacked(path).decode(encoding)
    except UnicodeDecodeError as error:
        raise PolymathError(f"{path}: neither UTF-8 nor Windows' encoding: {error}") from None


def _find_text_form(text: str, path: Path) -> dict[str, Any]:
    """Return the reader's keys of a table of separated values, or of lines."""
    everything = [line for line in split_lines(text) if line.strip()]
    if not everything:
        raise PolymathError(f"{path}: the file is empty: give a file with at least one row")
    lines = everything[_count_preamble(everything) :][:LOOKED_AT] or everything
    table = find_delimiter(lines)
    if table is not None:
        delimiter, quoting = table
        kind = "tsv" if delimiter == "\t" else "csv"
        keys: dict[str, Any] = {"format": kind}
        if delimiter not in ("\t", ","):
            keys["delimiter"] = delimiter
        if kind == "csv" and not quoting:
            keys["quoting"] = False
        return keys
    if path.suffix.lower() in (".csv", ".tsv"):
        if not any(delimiter in line for line in lines for delimiter in DELIMITERS):
            raise PolymathError(
                f"{path}: each line has one field, so that there is no label: add a column with "
                "each sequence's class or number"
            )
        raise PolymathError(
            f"{path}: no delimiter (tab, semicolon, bar, comma) cuts {REGULAR:.0%} of its lines "
            f"into equally many fields; line 1 is {lines[0][:80]!r}: put fields that have the "
            "delimiter in quotes"
        )
    return find_line_form(everything)


def _find_preamble(files: list[Path], encoding: str) -> dict[str, Any]:
    """Return the reader's key that leaves out what stands above the table of every file.

    It is one key for all: files that differ in it are refused, as some would lose rows.
    """
    above = {path: _preamble_of(split_lines(_read(path, encoding))) for path in files}
    (first, skipped), *_ = above.items()
    different = [path.name for path in files if above[path] != skipped]
    if different:
        raise PolymathError(
            f"{first.name} and {list_names(different)} differ in the lines above the table, as "
            "comments: delete these lines"
        )
    return {"skip_lines": skipped} if skipped else {}


def _preamble_of(lines: list[str]) -> list[int]:
    """Return the numbers of the lines above a table: `sep=;`, as Excel has it, and comments."""
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    return filled[: _count_preamble([lines[number - 1] for number in filled[:LOOKED_AT]])]


def _count_preamble(lines: list[str]) -> int:
    """Return how many lines, none of them empty, stand above a table.

    Lines that begin with # are comments. The last of them names the columns if it has as many
    fields as those below it.
    """
    if lines and SEPARATOR_LINE.fullmatch(lines[0].strip()):
        return 1
    count = 0
    while count < len(lines) and lines[count].startswith("#"):
        count += 1
    below = find_delimiter(lines[count:]) if count else None
    if below is None:
        return 0
    names_columns = find_delimiter(lines[count - 1 : count + 1]) == below
    return count - names_columns


def find_delimiter(lines: list[str]) -> tuple[str, bool] | None:
    """Return the delimiter that cuts lines into equally many fields, and whether they are quoted.

    Returns:
        None if none cuts REGULAR of the lines into the same number of fields, at least two.
    """
    best: tuple[float, str, bool] | None = None
    for delimiter in DELIMITERS:
        for quoting in (True, False):
            share = _regularity(lines, delimiter, quoting)
            if share >= REGULAR and (best is None or share > best[0]):
                best = (share, delimiter, quoting)
    return None if best is None else best[1:]


def _regularity(lines: list[str], delimiter: str, quoting: bool) -> float:
    """Return the share of the lines that have the commonest number of fields, if above one.

    The header may have one field less, as R writes it.
    """
    csv.field_size_limit(max(csv.field_size_limit(), *map(len, lines)))
    mode = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    rows = csv.reader(lines, delimiter=delimiter, quoting=mode, strict=True)  # type: ignore[arg-type]
    try:
        fields = list(rows)
    except csv.Error:
        return 0.0
    widths = [len(row) for row in fields]
    width, count = Counter(widths).most_common(1)[0]
    if width == 1:
        return 0.0
    is_short = widths[0] == width - 1
    # Rows that quotes join over several lines are believed only if nothing else fits as well.
    joined = 1e-6 if len(widths) < len(lines) else 0.0
    # So are columns without any value, as tabs that pad fields give.
    filled = {place for row in fields for place, field in enumerate(row) if field.strip()}
    padded = 1e-6 if len(filled) < width else 0.0
    return (count + is_short) / len(widths) - joined - padded


def _describe_text(reader: dict[str, Any], encoding: str) -> str:
    name = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}[encoding]
    if reader["format"] == "lines":
        return f"lines of text ({name}), as no delimiter cuts them into equally many fields"
    mark = "\t" if reader["format"] == "tsv" else reader.get("delimiter", ",")
    quotes = "" if reader.get("quoting", True) else ", quotes are part of the text"
    return f"a table with {DELIMITERS[mark]}s between its fields ({name}{quotes})"


def _read_all(files: list[Path], reader: dict[str, Any], facts: list[str]) -> pd.DataFrame:
    """Read the rows; leave out MIDI files that cannot be read, which the facts say."""
    notes = ReadingNotes()
    if reader["format"] == "midi":
        reader["unreadable"] = "drop"
    table = read_rows(files, Reader.model_validate(reader), 1, notes)
    if reader["format"] == "midi" and not notes.unreadable:
        del reader["unreadable"]
    if notes.unreadable:
        facts.append(
            f"{len(notes.unreadable)} files are unreadable and left out, the first: "
            f"{notes.unreadable[0]}"
        )
    facts += notes.notices
    return table


def _find_header(form: Form, files: list[Path]) -> Form:
    """Return the form with columns that are named by number if the first line is no header."""
    names = form.columns
    if not _is_data(names, form.table):
        form.facts.append(f"the first line names the columns: {_shorten(names)}")
        return form
    numbered = [f"column{number}" for number in range(1, len(names) + 1)]
    reader = {**form.reader, "header": numbered}
    table = read_rows(files, Reader.model_validate(reader))
    first = ", ".join(name[:20] for name in names)
    facts = [*form.facts, f"there is no header, as the first line looks like the others: {first}"]
    return Form(reader, table, has_names=False, facts=facts)


def _shorten(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return list_names(names[:MOST_NAMES]) + more


def _is_data(names: list[str], table: pd.DataFrame) -> bool:
    """Return whether a table's first line is a row like the others rather than a header."""
    columns = {name: table[name].astype(str).str.strip() for name in names}
    if any(
        not is_number(name) and all(is_number(value) for value in values.head(LOOKED_AT))
        for name, values in columns.items()
    ):
        return False  # a name above numbers
    return any(_is_value(name, values) for name, values in columns.items())


def _is_value(name: str, values: pd.Series) -> bool:
    """Return whether the first line's field looks like the values below it."""
    if is_number(name) or name.strip() in set(values):
        return True
    long, words = values.str.len().median(), values.str.split().str.len().median()
    if words > MOST_WORDS:
        return len(name.split()) > MOST_WORDS
    # A sequence of the column's own letters, as ACGTTGCA above others.
    letters = set("".join(values.head(LOOKED_AT)))
    return long >= 8 and len(letters) <= 25 and len(name) >= 8 and set(name) <= letters


def is_number(text: str) -> bool:
    """Return whether text is a finite decimal number."""
    try:
        return abs(float(text)) < float("inf") and "_" not in text
    except ValueError:
        return False


def is_decimal(text: str) -> bool:
    """Return whether text is a number, with a point or a comma as its decimal mark."""
    return is_number(text.replace(",", ".", 1))
