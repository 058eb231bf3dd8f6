"""How raw files become rows: the reader of a data set's catalogue entry."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool, field_validator, model_validator

from polymath.experiment.base import StrictModel

Format = Literal["csv", "tsv", "xlsx", "parquet", "json", "fasta", "midi", "lines"]
SplitName = Literal["train", "dev", "test"]
TABLES = ("csv", "tsv")
LABEL_SEPARATOR = ";"  # between the names of label columns
# Keys that only some formats have; every other key goes with all of them.
FORMATS_OF: dict[str, tuple[str, ...]] = {
    "delimiter": (*TABLES, "metadata"),
    "quoting": (*TABLES, "metadata"),
    "header": (*TABLES, "xlsx"),
    "decimal": (*TABLES, "metadata"),
    "skip_lines": (*TABLES, "lines"),
    "encoding": (*TABLES, "json", "fasta", "lines", "metadata"),
    "sheet": ("xlsx",),
    "pattern": ("lines",),
    "lines_per_row": ("lines",),
    "metadata": ("midi", "fasta"),
    "metadata_key": ("metadata",),
}


class Reader(StrictModel):
    """How raw files become rows: a format, and which column is what.

    Every file also gives the columns `file` (its name without extension), `folder` (the name of
    the folder it lies in) and `parent` (that of the folder above). FASTA has `header` and
    `sequence`. Text files may be compressed by gzip.
    """

    format: Format = Field(
        description="lines: one row per line, columns are the named groups of `pattern`; json: a "
        "list of objects, or one object per line (JSON Lines)"
    )
    sequence: str = Field(
        "sequence", description="column of the sequence: text, or a list of symbols (Parquet, JSON)"
    )
    sequence2: str | None = Field(
        None, description="column of a second sequence, for tasks on two sequences"
    )
    label: str | Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        "label",
        description="column of the label; for type multi-label also several columns of 0 and 1 "
        "(true, false, yes, no), whose names are the labels",
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="for type multi-label: what stands between the labels of a row, as `;`",
    )
    split: str | None = Field(None, description="column of the official split, if there is one")
    split_names: dict[str, SplitName] = Field(
        {}, description="what the split column's own words mean, beyond train, dev, valid, test"
    )
    group: str | tuple[str, ...] | None = Field(
        None,
        description="column of the group (piece, family) that must not straddle splits; several "
        "columns where rows of one group agree in all of them",
    )
    id: str | None = Field(None, description="column of a unique id; default file:row")
    delimiter: str | None = Field(
        None,
        min_length=1,
        description="of csv and tsv; default comma and tab. Several characters are a regular "
        "expression",
    )
    quoting: StrictBool | None = Field(
        None,
        description="whether fields of csv and tsv may be quoted; default: csv yes, tsv only if "
        "its whole header is quoted",
    )
    header: tuple[str, ...] | None = Field(
        None, description="csv, tsv, xlsx: names of the columns, if the file has no header"
    )
    decimal: Literal[".", ","] = Field(".", description="csv, tsv: decimal mark of numeric labels")
    sheet: str | None = Field(None, description="xlsx: name of the sheet; default: the only one")
    encoding: str = Field("utf-8-sig", description="of text files")
    skip_lines: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="numbers of the lines to leave out of each file, from 1"
    )
    pattern: str | None = Field(None, description="lines: regular expression with named groups")
    # Needed by h3, h4 and h3k9ac.
    lines_per_row: int = Field(
        1,
        ge=1,
        le=1_000,
        description="lines: how many make a row; `pattern` matches them joined by line ends",
    )
    # Needed by localization, and by the composers of experiments/at-hand.yaml.
    columns: dict[str, str] = Field(
        {},
        description="columns cut out of others: for a column, a regular expression with named "
        "groups that its values must fit, as `header: '(?P<id>.+)\\|(?P<label>.+)'` for FASTA",
    )
    metadata: str | None = Field(
        None,
        description="midi, fasta: table to join (CSV, or TSV by its name), among the source's "
        "files",
    )
    metadata_key: str = Field(
        "file",
        description="the table's column of names: of MIDI files, or of FASTA records (the first "
        "word of a header)",
    )
    unreadable: Literal["error", "drop"] = Field(
        "error", description="files that cannot be read: refuse the data, or drop and count them"
    )

    @model_validator(mode="before")
    @classmethod
    def _former_keys_are_explained(cls, value: object) -> object:
        if isinstance(value, dict) and "separator" in value:
            raise ValueError(
                "'separator' is a key of the alphabet, not of the reader: for a table, did you "
                "mean 'delimiter'? The parts of a FASTA header are cut by 'columns'"
            )
        if isinstance(value, dict) and "header" in value and value.get("format") == "fasta":
            raise ValueError(
                "'header' names the columns of a table; cut the column 'header' of FASTA by "
                "'columns' instead"
            )
        return value

    @field_validator("split_names")
    @classmethod
    def _words_mean_one_split(cls, value: dict[str, SplitName]) -> dict[str, SplitName]:
        """Refuse words that differ in case or blanks only, which do not count."""
        if len({word.strip().lower() for word in value}) < len(value):
            raise ValueError("'split_names' has a word twice: case and blanks do not count")
        return value

    @field_validator("header")
    @classmethod
    def _header_names_columns_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (len(set(value)) < len(value) or not value):
            raise ValueError("'header' must name each column once")
        return value

    @model_validator(mode="after")
    def _fields_go_with_the_format(self) -> "Reader":
        allowed = {self.format, "metadata" if self.metadata else self.format}
        for key in sorted(self.model_fields_set & FORMATS_OF.keys()):
            formats = FORMATS_OF[key]
            if getattr(self, key) != type(self).model_fields[key].default and not (
                allowed & set(formats)
            ):
                names = ", ".join(f"'{name}'" for name in formats if name != "metadata")
                what = f"format {names}" if names else "'metadata'"
                raise ValueError(f"'{key}' goes with {what} only, not with {self.format}")
        if self.format == "lines" and self.pattern is None:
            raise ValueError("'pattern' is needed with format 'lines'")
        labels = self.label_columns
        if len(set(labels)) < len(labels):
            raise ValueError("'label' names a column twice")
        if len(labels) > 1 and any(str(self.set_separator) in name for name in labels):
            raise ValueError(
                f"'label': a column's name has {self.set_separator!r}, which stands between labels "
                "in results: set 'label_separator' to a text that no name has"
            )
        for key, text in self._patterns():
            try:
                named = re.compile(text).groupindex
            except re.error as error:
                raise ValueError(f"'{key}' is not a regular expression: {error}") from None
            if not named and key != "delimiter":
                raise ValueError(f"'{key}' has no named group, as (?P<label>...)")
        return self

    def _patterns(self) -> Iterator[tuple[str, str]]:
        """Yield the key and text of each regular expression."""
        yield from ((f"columns: {column}", text) for column, text in self.columns.items())
        if self.pattern is not None:
            yield "pattern", self.pattern
        if self.delimiter is not None and len(self.delimiter) > 1:
            yield "delimiter", self.delimiter

    def without_labels(self) -> "Reader":
        """Return the reader of rows to predict: it cuts out sequences alone."""
        wanted = set(self.sequences)
        columns = {}
        for column, pattern in reversed(self.columns.items()):
            if wanted & set(re.compile(pattern).groupindex):
                columns[column] = pattern
                wanted.add(column)
        kept = dict(reversed(columns.items()))
        return self.model_copy(
            update={"columns": kept, "metadata": None, "label": self.sequence, "split": None,
                    "group": None}
        )  # fmt: skip

    @property
    def sequences(self) -> list[str]:
        """The columns of sequences."""
        return [self.sequence, *([self.sequence2] if self.sequence2 else [])]

    @property
    def named_columns(self) -> set[str]:
        """Every column that the reader names for a role."""
        groups = [self.group] if isinstance(self.group, str) else list(self.group or ())
        singles = [name for name in (self.split, self.id) if name is not None]
        return {*self.sequences, *self.label_columns, *groups, *singles}

    @property
    def label_columns(self) -> list[str]:
        """The columns of labels."""
        return [self.label] if isinstance(self.label, str) else list(self.label)

    @property
    def set_separator(self) -> str | None:
        """What stands between the labels of a row; None if each row has one label."""
        return self.label_separator or (None if isinstance(self.label, str) else LABEL_SEPARATOR)
