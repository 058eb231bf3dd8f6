"""Records of text: FASTA, and lines that a regular expression describes."""

import io
import re
from pathlib import Path

import pandas as pd
from Bio import SeqIO

from polymath.data.readers.columns import PLACE
from polymath.data.readers.files import (
    ReadingNotes,
    note_absent_lines,
    read_text,
    split_lines,
)
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError

# The states of secondary structure that DSSP and its three-letter reductions write.
STRUCTURE = re.compile(r"[HECBGITSLP._~ -]+")


def read_lines(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read lines whose columns are the named groups of the reader's pattern."""
    assert reader.pattern is not None
    pattern = re.compile(reader.pattern)
    text = read_text(path, reader, "text")
    note_absent_lines(path, text, reader, notes)
    lines = [
        (number, line)
        for number, line in enumerate(split_lines(text), 1)
        if number not in reader.skip_lines and line.strip()
    ]
    rows = []
    for start in range(0, len(lines), reader.lines_per_row):
        of_row = lines[start : start + reader.lines_per_row]
        number, joined = of_row[0][0], "\n".join(line for _, line in of_row)
        match = pattern.fullmatch(joined)
        if match is None or len(of_row) < reader.lines_per_row:
            several = f" (the first of {reader.lines_per_row})" if reader.lines_per_row > 1 else ""
            raise PolymathError(
                f"{path}: line {number}{several} does not match the reader's pattern "
                f"{reader.pattern!r}: {joined[:80]!r}: correct the line or the pattern, or add the "
                "line to 'skip_lines'"
            )
        rows.append({**match.groupdict(default=""), PLACE: f"{path}: line {number}"})
    return pd.DataFrame(rows, dtype=str)


def read_fasta(path: Path, reader: Reader, notes: ReadingNotes) -> pd.DataFrame:
    """Read FASTA: the columns `header` and `sequence`."""
    lines = split_lines(read_text(path, reader, "FASTA"))
    _require_sequences_alone(path, lines)
    text = "\n".join(lines)
    try:
        rows = [
            {
                "header": record.description,
                "sequence": str(record.seq),
                PLACE: f"{path}: record {number}",
            }
            for number, record in enumerate(SeqIO.parse(io.StringIO(text), "fasta"), 1)
        ]
    except ValueError as error:
        reason = " ".join(str(error).split("\n\n")[0].split()).rstrip(".")  # the first paragraph
        raise PolymathError(
            f"{path}: not readable as FASTA: {reason}: it must start with '>'; check also "
            "'encoding' of its reader"
        ) from None
    return pd.DataFrame(rows, dtype=str)


def _require_sequences_alone(path: Path, lines: list[str]) -> None:
    """Refuse records whose second line is the structure of the first, and would be joined to it."""
    text = [line.rstrip() for line in lines if line.strip()]
    heads, first, second = text[::3], text[1::3], text[2::3]
    if len(heads) < 2 or len(text) % 3 or not all(line.startswith(">") for line in heads):
        return
    if any(line.startswith(">") for line in (*first, *second)):
        return
    pairs = [*zip(first, second, strict=True)]
    if all(len(a) == len(b) and STRUCTURE.fullmatch(b) for a, b in pairs) and not all(
        STRUCTURE.fullmatch(a) for a in first
    ):
        raise PolymathError(
            f"{path}: each record has a line of sequence and one as long that looks like its "
            "secondary structure: remove these lines, or read them apart by 'format: lines', "
            "'lines_per_row: 3' and a 'pattern'"
        )
