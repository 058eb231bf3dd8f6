"""Raw rows to records: labelled, checked, deduplicated and split, with a data card."""

import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.data.alphabets import SEPARATOR, contents_of, list_separator
from polymath.data.data_card import RejectedRows, describe_records
from polymath.data.fetch.manifest import Manifest
from polymath.data.label_sets import join_columns, strata_of
from polymath.data.labels import MISSING, check_labels, class_names
from polymath.data.readers import PLACE, ROW, ReadingNotes, read_rows, require_column
from polymath.data.readers.columns import file_of
from polymath.data.similarity import represent_similar
from polymath.data.split_checks import check_counts, check_splits, drop_unseen, note_shares
from polymath.data.splits import ALIASES, assign_splits, join_groups
from polymath.data.symbols import check_symbols
from polymath.experiment.datasets import DOMINANT, Dataset
from polymath.experiment.reader import Reader
from polymath.experiment.stage_versions import RECORDS
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed
from polymath.util.storage import with_made_from, write_sealed_json, write_table

CONTENT = "@content"  # a row's sequence, or both of a pair


def record_schema(dataset: Dataset) -> pa.Schema:
    """Return the columns of the records table; pairs have a second sequence."""
    second = [("sequence2", pa.string())] if dataset.reader.sequence2 else []
    label = pa.float64() if dataset.type == "regression" else pa.string()
    return pa.schema(
        [
            ("id", pa.string()),
            ("sequence", pa.string()),
            *second,
            ("label", label),
            ("split", pa.string()),
            ("group", pa.string()),
        ]
    )


def prepare_records(
    task: str,
    dataset: Dataset,
    manifest: Path,
    seed: int,
    records: Path,
    card: Path,
    workers: int = 1,
) -> pd.DataFrame:
    """Write a task's records and its data card; return the records.

    Args:
        workers: processes that read MIDI files.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    rejected = RejectedRows()
    raw = Manifest.read(manifest)
    for file in raw.rejected:
        rejected.count("unreadable at the source", [f"{file['file']}: {file['reason']}"])
    try:
        table = build_records(dataset, raw.locate_all(), seed, rejected, workers)
        check_counts(dataset, table)
    except PolymathError as error:
        raise PolymathError(f"datasets: {task}: {error}") from None
    labels = class_names(dataset, table)
    provenance = _provenance(task, dataset, raw, labels, seed)
    write_table(table, records, record_schema(dataset), provenance)
    write_sealed_json(
        with_made_from(
            {
                **provenance,
                **describe_records(table, dataset),
                **_describe_positive(table, labels, dataset),
                "rejected": rejected.as_list(),
                "rows_with_replaced_symbols": rejected.replaced,
                "notices": rejected.notices,
            }
        ),
        card,
    )
    return table


def _provenance(
    task: str, dataset: Dataset, raw: Manifest, labels: list[str], seed: int
) -> dict[str, Any]:
    """Return what the records and their card state of a task alike."""
    separator = dataset.reader.set_separator
    return {
        "task": task,
        "title": dataset.title,
        "domain": dataset.domain,
        "type": dataset.type,
        "labels": labels,
        **({} if separator is None else {"label_separator": separator}),
        "source": raw.source,
        "source_sha256": raw.sha256,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "seed": seed,
        "code_version": RECORDS,
    }


def _describe_positive(table: pd.DataFrame, labels: list[str], dataset: Dataset) -> dict[str, Any]:
    """Return which of two classes F1 is of: the one named, or the rarer one in training."""
    if len(labels) != 2 or dataset.type != "classification":
        return {}
    named = dataset.positive
    sizes = table.loc[table["split"] == "train", "label"].value_counts().reindex(labels)
    (rarer,) = (label for label in labels if label != sizes.idxmax())
    return {"positive": named or rarer, "positive_by_default": named is None}


def _note_dominance(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> None:
    """Note a class that dominates training, which changes the default metric."""
    if dataset.type != "classification":
        return
    train = table.loc[table["split"] == "train", "label"]
    sizes = train.value_counts()
    if sizes.iloc[0] > DOMINANT * len(train):
        rejected.notices.append(
            f"class '{sizes.index[0]}' has {sizes.iloc[0] / len(train):.0%} of the training rows: "
            "unless 'metric' names another, macro F1 is the headline instead of accuracy"
        )


def build_records(
    dataset: Dataset, files: list[Path], seed: int, rejected: RejectedRows, workers: int = 1
) -> pd.DataFrame:
    """Return the records of raw files: columns id, sequence (and sequence2), label, split, group.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    table = select_columns(_read(dataset, files, rejected, workers), dataset, rejected)
    table = check_labels(table, dataset, rejected)
    for column in sequence_columns(dataset):
        table = check_symbols(table, column, dataset.alphabet, rejected)
    table[CONTENT] = contents_of(table)
    table = _drop_contradictions(table, dataset, rejected)
    alike = represent_similar(table[CONTENT], dataset.alphabet, dataset.similarity_groups)
    table["group"] = join_groups(table["group"], alike)
    table["split"] = _split(table, dataset, seed)
    note_shares(table, dataset, rejected)
    table = _keep_apart(table, dataset, rejected)
    if dataset.duplicates == "drop":
        table = rejected.drop(table, table[CONTENT].duplicated(), "duplicate sequence")
    if dataset.unseen_labels == "drop":
        table = drop_unseen(table, dataset, rejected)
    check_splits(table, dataset, rejected)
    _note_dominance(table, dataset, rejected)
    table["group"] = pd.factorize(table["group"])[0].astype(str)
    return table[["id", *sequence_columns(dataset), "label", "split", "group"]]


def sequence_columns(dataset: Dataset) -> list[str]:
    """Return the columns of a record's sequences."""
    return ["sequence", "sequence2"] if dataset.reader.sequence2 else ["sequence"]


def _read(
    dataset: Dataset, files: list[Path], rejected: RejectedRows, workers: int
) -> pd.DataFrame:
    """Read the rows; note files whose names are those of splits."""
    reader = dataset.reader
    rows = read_files(reader, dataset, files, rejected, workers)
    named = {ALIASES.get(str(file).lower()) for file in rows["file"].unique()}
    if reader.split is None and reader.label != "file" and {"train", "test"} <= named - {None}:
        rejected.notices.append(
            "the files are named after splits, but their rows are pooled and split again: set "
            "'split: file' of the reader to keep them apart"
        )
    return rows


def read_files(
    reader: Reader, dataset: Dataset, files: list[Path], rejected: RejectedRows, workers: int
) -> pd.DataFrame:
    """Read the rows; count unreadable files, and keep what a user should know of the others."""
    notes = ReadingNotes()
    rows = read_rows(files, reader, workers, notes, list_separator(dataset.alphabet))
    rejected.notices += notes.notices
    if notes.unreadable:
        rejected.count("unreadable file", notes.unreadable)
    return rows


def select_columns(
    rows: pd.DataFrame,
    dataset: Dataset,
    rejected: RejectedRows,
    roles: tuple[str, ...] = ("label", "split", "group", "id"),
) -> pd.DataFrame:
    """Return the columns of the sequences and of these roles; '' where the reader names none."""
    reader = dataset.reader
    hint = ""
    if reader.format in ("csv", "tsv", "xlsx") and reader.header is None:
        hint = "; if the file has no header, name its columns, as 'header: [label, sequence]'"
    chosen = {PLACE: rows[PLACE]}
    for role in (*sequence_columns(dataset), *roles):
        named = getattr(reader, role)
        if named is None:
            chosen[role] = pd.Series("", index=rows.index)
            continue
        columns = [named] if isinstance(named, str) else list(named)
        for column in columns:
            require_column(rows, column, role, file_of(rows), hint)
        if role == "group":
            chosen[role] = _name_groups(rows[columns], rejected)
        elif len(columns) > 1:
            chosen[role] = join_columns(rows[columns], rows[PLACE], reader.set_separator or "")
        else:
            chosen[role] = rows[columns[0]]
    table = pd.DataFrame(chosen)
    if reader.id is None:
        table["id"] = [row.rsplit("/", 1)[-1] for row in rows[ROW]]
    repeated = table["id"].duplicated()
    if repeated.any():
        if reader.id is None:  # several folders have a file of this name
            table["id"] = rows["folder"] + "/" + table["id"]
            if table["id"].duplicated().any():  # and the folders have the same name
                table["id"] = rows[ROW]
        else:
            place = table.loc[repeated, PLACE].iloc[0]
            raise PolymathError(
                f"{place}: id '{table.loc[repeated, 'id'].iloc[0]}' is not unique: correct it, "
                "or leave 'id' out of the reader"
            )
    return table


def _name_groups(columns: pd.DataFrame, rejected: RejectedRows) -> pd.Series:
    """Return each row's group; '' where every column is empty or a word for a missing value."""
    groups = pd.DataFrame(
        {
            name: [unicodedata.normalize("NFC", value.strip()) for value in column]
            for name, column in columns.items()
        },
        index=columns.index,
    )
    for name in groups:
        missing = groups[name].isin(MISSING)
        if missing.any():
            words = ", ".join(sorted(set(groups.loc[missing, name])))
            rejected.notices.append(
                f"group '{name}': {words} in {missing.sum()} rows is read as missing: these rows "
                "are not one group"
            )
            groups.loc[missing, name] = ""
    joined = groups.agg(SEPARATOR.join, axis=1)
    return joined.where((groups != "").any(axis=1), "")


def _drop_contradictions(
    table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows
) -> pd.DataFrame:
    """Drop equal sequences with different labels under the policy `drop`, else note them."""
    differ = table.groupby(CONTENT)["label"].transform("nunique") > 1
    if dataset.duplicates == "drop" and dataset.type != "regression":
        if differ.all():
            raise PolymathError(
                f"{table[PLACE].iloc[0]}: every sequence is there with different labels: correct "
                "them, or set 'duplicates: group'"
            )
        return rejected.drop(table, differ, "equal sequences with different labels")
    if differ.any():
        rejected.notices.append(
            f"{differ.sum()} rows have the sequence of another row but not its label, the first "
            f"is {table.loc[differ, PLACE].iloc[0]}"
        )
    return table


def _split(table: pd.DataFrame, dataset: Dataset, seed: int) -> pd.Series:
    """Return each row's split: the official one, its missing parts drawn."""
    stratify = dataset.type != "regression"
    stream, separator = derive_seed(seed, "split"), dataset.reader.set_separator
    strata = table["label"]
    if separator is not None:
        strata = strata_of(strata, table["group"], separator)
    if dataset.reader.split is None:
        return assign_splits(strata, table["group"], dataset.split, stream, stratify)
    names = dataset.reader.split_names.items()
    words = {**ALIASES, **{word.strip().lower(): split for word, split in names}}
    official = table["split"].str.strip().str.lower().map(words)
    if official.isna().any():
        first = table[official.isna()].iloc[0]
        raise PolymathError(
            f"{first[PLACE]}: split {first['split']!r} is unknown: use train, dev or test, "
            "or define it under 'split_names' of the reader"
        )
    for needed in ("train", "test"):
        if not (official == needed).any():
            present = ", ".join(sorted(set(table["split"])))
            raise PolymathError(
                f"column '{dataset.reader.split}': no row is for {needed} (there is: {present}): "
                "mark some, or leave 'split' out of the reader to have the rows split"
            )
    if not (official == "dev").any():
        free = (official == "train") & ~table["group"].isin(
            set(table.loc[official == "test", "group"])
        )
        drawn = assign_splits(
            strata[free],
            table.loc[free, "group"],
            dataset.split,
            stream,
            stratify,
            splits=("dev",),
        )
        official.loc[drawn.index] = drawn
    return official


def _keep_apart(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> pd.DataFrame:
    """Keep a group that an official split puts on several sides on its most protected side only."""
    shared = "same sequence or group"
    if dataset.similarity_groups is not None:
        shared = "same sequence, similar sequences or group"
    for kept, dropped in (("test", ["train", "dev"]), ("dev", ["train"])):
        protected = set(table.loc[table["split"] == kept, "group"])
        straddling = table["group"].isin(protected) & table["split"].isin(dropped)
        table = rejected.drop(table, straddling, f"{shared} as a {kept} row")
    return table
