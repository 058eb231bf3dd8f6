"""Raw files to rows: one module per kind of format, all returning a table of text columns."""

from polymath.data.readers.columns import PLACE, ROW, require_column
from polymath.data.readers.files import ReadingNotes
from polymath.data.readers.midi import read_pitches
from polymath.data.readers.rows import read_rows

__all__ = ["PLACE", "ROW", "ReadingNotes", "read_pitches", "read_rows", "require_column"]
