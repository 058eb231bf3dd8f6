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
    text = "\n".join(split_lines(read_text(path, reader, "FASTA")))
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
