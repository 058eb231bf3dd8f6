"""What the names of files and FASTA records tell, and tables beside them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polymath.data.readers import PLACE, ReadingNotes, read_rows
from polymath.data.readers.columns import cut_column
from polymath.data.readers.metadata import join_metadata
from polymath.data.splits import ALIASES
from polymath.experiment.reader import Reader
from polymath.own_data.column_roles import is_class, texts
from polymath.own_data.forms import Form
from polymath.util.errors import PolymathError

TABLES = (".csv", ".tsv", ".tab")
SEPARATORS = (" - ", "_", "-", " ", ".")
HEADER_MARKS = ("|", ";", ",", " ", "_")
FIELD = re.compile(r"(\w+)=([^\s|;,\]]+)")
REGULAR = 0.8  # share of headers with the commonest number of parts, from which others are errors
FEWEST_FILES = 3  # of each class
MOST_PARTS = 50  # kinds of a part of headers that are classes


def add_names(form: Form, files: list[Path]) -> Form:
    """Return the form with the columns that a table beside the files, or their names, give.

    Raises:
        PolymathError: if such a table cannot be read.
    """
    if form.reader["format"] == "lines" and not form.reader.get("columns"):
        is_labelled = "label" in form.table or is_class(texts(form.table, "file"))
        return form if is_labelled else _cut_file_names(form)
    if form.reader["format"] not in ("midi", "fasta"):
        return form
    for path in files:
        if path.suffix.lower() in TABLES:
            joined = _join(form, files, path)
            if joined is not None:
                return joined
    if form.reader["format"] == "fasta" and not _names_are_classes(form):
        form = _cut_headers(form)
    if "label" not in form.table:
        form = _cut_file_names(form)
    return form


def _names_are_classes(form: Form) -> bool:
    """Return whether there is one file per class, as sigma54.fa and sigma70.fa."""
    stems = texts(form.table, "file")
    return is_class(stems) and not set(stems.str.lower()) & set(ALIASES)


def _join(form: Form, files: list[Path], path: Path) -> Form | None:
    """Return the form with a table beside the files joined; None if none of its columns fits."""
    kind = "csv" if path.suffix.lower() == ".csv" else "tsv"
    delimiters: tuple[str | None, ...] = (None, ";", "\t", "|")
    errors: list[PolymathError] = []
    for delimiter in delimiters:
        keys = {"delimiter": delimiter} if delimiter else {}
        try:
            table = read_rows([path], Reader.model_validate({"format": kind, **keys}))
        except PolymathError as error:
            errors.append(error)
            continue
        for column in table.columns:
            reader = {**form.reader, "metadata": path.name, **keys, "metadata_key": column}
            model = Reader.model_validate(reader)
            try:
                joined = join_metadata(form.table.copy(), files, model, ReadingNotes())
            except PolymathError as error:
                errors.append(error)
                continue
            fact = f"labels are joined from {path.name} by its column '{column}'"
            return Form(reader, joined, facts=[*form.facts, fact])
    form.facts.append(f"{path.name} is not joined, as no column names the files: {errors[0]}")
    return None


def _cut_headers(form: Form) -> Form:
    """Cut the headers of FASTA into columns, by `key=value` or by a mark between equal parts."""
    headers = list(form.table["header"])
    pattern = _pattern_of_fields(headers) or next(
        (found for mark in HEADER_MARKS if (found := _pattern_of_parts(headers, mark))), None
    )
    if pattern is None:
        _refuse_ragged(form)
        return form
    return _with_columns(form, "header", pattern, f"headers, as '{headers[0][:40]}', are cut")


def _refuse_ragged(form: Form) -> None:
    """Refuse headers that would give labels, were not a few of other numbers of parts."""
    for mark in HEADER_MARKS[:3]:
        widths = form.table["header"].str.count(re.escape(mark))
        usual = widths.mode().iloc[0]
        regular = widths == usual
        if usual == 0 or regular.all() or regular.mean() < REGULAR:
            continue
        if _pattern_of_parts(list(form.table.loc[regular, "header"]), mark) is not None:
            first = form.table[~regular].iloc[0]
            raise PolymathError(
                f"{first[PLACE]}: the header {first['header'][:80]!r} has "
                f"{widths[~regular].iloc[0] + 1} parts between '{mark}', most have {usual + 1} "
                f"({(~regular).sum()} such records): correct them"
            )


def _pattern_of_fields(headers: Sequence[str]) -> str | None:
    """Return a pattern of the fields `key=value` that every header has in the same order."""
    fields = [FIELD.findall(header) for header in headers]
    keys = [key for key, _ in fields[0]]
    if not keys or any([key for key, _ in row] != keys for row in fields):
        return None
    known = {key: pd.Series([dict(row)[key] for row in fields]) for key in keys}
    kept = [key for key in keys if is_class(known[key])]
    if not kept or len(set(keys)) < len(keys):
        return None
    groups = (f"{key}=(?P<{key}>[^\\s|;,\\]]+)" for key in kept)
    return ".*" + ".*".join(groups) + ".*"


def _pattern_of_parts(headers: Sequence[str], mark: str) -> str | None:
    """Return a pattern of the parts between marks that tell rows apart into classes, or splits."""
    parts = [header.split(mark) for header in headers]
    width = len(parts[0])
    if width < 2 or any(len(row) != width or "" in row for row in parts):
        return None
    names = _name_parts([pd.Series(column) for column in zip(*parts, strict=True)])
    classes = [name for name in names if name == "label" or name.startswith("part")]
    if not classes or (len(classes) > 1 and mark in " _"):
        return None
    text = f"[^{mark}]+"
    return re.escape(mark).join(f"(?P<{name}>{text})" if name else text for name in names)


def _name_parts(columns: Sequence[pd.Series]) -> list[str]:
    """Return a name for each part of names: split, label, id, part2, or '' for others."""
    names = []
    for number, values in enumerate(columns, 1):
        if set(values.str.lower()) <= set(ALIASES) and values.nunique() > 1:
            names.append("split")
        elif is_class(values) and values.nunique() <= MOST_PARTS:
            names.append(f"part{number}")
        elif values.is_unique and "id" not in names:
            names.append("id")
        else:
            names.append("")
    classes = [name for name in names if name.startswith("part")]
    return ["label" if [name] == classes else name for name in names]


def _cut_file_names(form: Form) -> Form:
    """Cut the names of files into a class and the rest, or a class and a split."""
    if is_class(texts(form.table, "folder")):
        return form
    stems = sorted(set(texts(form.table, "file")))
    for mark in SEPARATORS:
        pattern = _pattern_of_names(stems, mark)
        if pattern is not None:
            why = f"names of files, as '{stems[0][:40]}', are cut"
            return _with_columns(form, "file", pattern, why)
    return form


def _pattern_of_names(stems: Sequence[str], mark: str) -> str | None:
    """Return a pattern of file names whose first part is a class, or whose last or first is a split
    beside a class, as pos_train and test_neg."""
    parts = [stem.split(mark) for stem in stems]
    if any(len(row) < 2 for row in parts):
        return None
    escaped = re.escape(mark)
    last = {row[-1].lower() for row in parts}
    heads = {mark.join(row[:-1]) for row in parts}
    if last <= set(ALIASES) and len(heads) > 1:
        return f"(?P<label>.+){escaped}(?P<split>[^{mark[-1]}]+)"
    first = {row[0].lower() for row in parts}
    tails = {mark.join(row[1:]) for row in parts}
    if first <= set(ALIASES) and len(tails) > 1:
        return f"(?P<split>[^{mark[-1]}]+){escaped}(?P<label>.+)"
    counts = Counter(row[0] for row in parts)
    numbered = any(name.isdecimal() for name in counts)
    if numbered or len(counts) < 2 or min(counts.values()) < FEWEST_FILES:
        return None
    return f"(?P<label>.+?){escaped}.+"


def _with_columns(form: Form, column: str, pattern: str, why: str) -> Form:
    reader = {**form.reader, "columns": {column: pattern}}
    table = cut_column(form.table, column, pattern)
    names = ", ".join(f"'{name}'" for name in re.compile(pattern).groupindex)
    return Form(reader, table, form.has_names, [*form.facts, f"{why} into {names}"])
