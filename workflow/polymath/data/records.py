"""Raw rows to records: labelled, checked, deduplicated and split, with a data card."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.data.alphabets import SEPARATOR, join_units, normalise, split_units
from polymath.data.data_card import RejectedRows, describe_records
from polymath.data.fetch.manifest import Manifest
from polymath.data.readers import PLACE, ROW, read_rows, require_column
from polymath.data.similarity import represent_similar
from polymath.data.splits import ALIASES, assign_splits, join_groups, split_counts
from polymath.experiment.datasets import Dataset
from polymath.experiment.stage_versions import RECORDS
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed
from polymath.util.storage import write_json, write_table

CONTENT = "@content"  # a row's sequence, or both of a pair


def record_schema(dataset: Dataset) -> pa.Schema:
    """Return the columns of the records table; pairs have a second sequence."""
    second = [("sequence2", pa.string())] if dataset.reader.sequence2 else []
    label = pa.string() if dataset.type == "classification" else pa.float64()
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
    table = build_records(dataset, raw.locate_all(), seed, rejected, workers)
    _check_counts(task, dataset, table)
    provenance = {
        "task": task,
        "title": dataset.title,
        "domain": dataset.domain,
        "type": dataset.type,
        "labels": class_names(dataset, table),
        "source": raw.source,
        "source_sha256": raw.sha256,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "seed": seed,
        "code_version": RECORDS,
    }
    write_table(table, records, record_schema(dataset), provenance)
    write_json(
        {
            **provenance,
            **describe_records(table, dataset),
            "rejected": rejected.as_list(),
            "rows_with_replaced_symbols": rejected.replaced,
        },
        card,
    )
    return table


def class_names(dataset: Dataset, table: pd.DataFrame) -> list[str]:
    """Return the classes in order; empty for regression."""
    if dataset.type == "regression":
        return []
    present = set(table["label"])
    return [label for label in dataset.labels or sorted(present) if label in present]


def build_records(
    dataset: Dataset, files: list[Path], seed: int, rejected: RejectedRows, workers: int = 1
) -> pd.DataFrame:
    """Return the records of raw files: columns id, sequence (and sequence2), label, split, group.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    table = _select_columns(read_rows(files, dataset.reader, workers), dataset)
    table = _check_labels(table, dataset, rejected)
    for column in _sequences(dataset):
        table = _check_symbols(table, column, dataset, rejected)
    table[CONTENT] = table[_sequences(dataset)].agg(SEPARATOR.join, axis=1)
    table = _drop_contradictions(table, dataset, rejected)
    alike = represent_similar(table[CONTENT], dataset.alphabet, dataset.similarity_groups)
    table["group"] = join_groups(table["group"], alike)
    table["split"] = _split(table, dataset, seed)
    table = _keep_apart(table, dataset, rejected)
    if dataset.duplicates == "drop":
        table = rejected.drop(table, table[CONTENT].duplicated(), "duplicate sequence")
    if dataset.unseen_labels == "drop" and dataset.type == "classification":
        seen = set(table.loc[table["split"] == "train", "label"])
        table = rejected.drop(table, ~table["label"].isin(seen), "class without a training row")
    _check_splits(table, dataset)
    table["group"] = pd.factorize(table["group"])[0].astype(str)
    return table[["id", *_sequences(dataset), "label", "split", "group"]]


def _sequences(dataset: Dataset) -> list[str]:
    """Return the columns of a record's sequences; pairs are equal if both sequences are."""
    return ["sequence", "sequence2"] if dataset.reader.sequence2 else ["sequence"]


def _select_columns(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    reader = dataset.reader
    chosen = {PLACE: rows[PLACE]}
    for role in (*_sequences(dataset), "label", "split", "group", "id"):
        named = getattr(reader, role)
        if named is None:
            chosen[role] = pd.Series("", index=rows.index)
            continue
        columns = [named] if isinstance(named, str) else list(named)
        for column in columns:
            require_column(rows, column, role, rows[PLACE].iloc[0].rsplit(": ", 1)[0])
        chosen[role] = (
            rows[columns].agg(SEPARATOR.join, axis=1) if len(columns) > 1 else rows[columns[0]]
        )
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


def _check_labels(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> pd.DataFrame:
    table["label"] = table["label"].str.strip()
    missing = table["label"] == ""
    if missing.any():
        raise PolymathError(
            f"{table.loc[missing, PLACE].iloc[0]}: the label is missing ({missing.sum()} rows in "
            "total): fill it in or delete the row"
        )
    if dataset.type == "regression":
        numbers = pd.to_numeric(table["label"], errors="coerce")
        bad = ~np.isfinite(numbers)
        if bad.any():
            raise PolymathError(
                f"{table.loc[bad, PLACE].iloc[0]}: label {table.loc[bad, 'label'].iloc[0]!r} is "
                "not a finite number: correct it, or set 'type: classification'"
            )
        return table.assign(label=numbers.astype(float))
    if dataset.labels is not None:
        absent = sorted(set(dataset.labels) - set(table["label"]))
        if absent:
            raise PolymathError(
                f"labels: no row has the class '{absent[0]}': the column has "
                f"{sorted(set(table['label']))[:20]}"
            )
        table = rejected.drop(table, ~table["label"].isin(dataset.labels), "class not asked for")
    if table["label"].nunique() < 2:
        raise PolymathError(
            f"{table[PLACE].iloc[0].rsplit(': ', 1)[0]}: all rows have the label "
            f"'{table['label'].iloc[0]}': a classification task needs two classes"
        )
    return table


def _check_symbols(
    table: pd.DataFrame, column: str, dataset: Dataset, rejected: RejectedRows
) -> pd.DataFrame:
    """Normalise one column of sequences; apply the alphabet's policy to illegal symbols."""
    alphabet = dataset.alphabet
    table[column] = [normalise(sequence, alphabet) for sequence in table[column]]
    legal = set(alphabet.symbols) if alphabet.symbols is not None else None
    if legal is not None and alphabet.kind != "model":
        units = [split_units(sequence, alphabet) for sequence in table[column]]
        wrong = [next((unit for unit in row if unit not in legal), None) for row in units]
        bad = pd.Series([unit is not None for unit in wrong], index=table.index)
        if bad.any() and alphabet.illegal == "error":
            first = table[bad].index[0]
            position = units[first].index(wrong[first]) + 1
            raise PolymathError(
                f"{table.loc[first, PLACE]}: symbol {wrong[first]!r} at position {position} is not "
                f"in the alphabet ({bad.sum()} such rows): correct the row, or set 'illegal' of "
                "the "
                "alphabet to 'drop' or to a replacement symbol"
            )
        if alphabet.illegal == "drop":
            table = rejected.drop(table, bad, "symbol outside the alphabet")
        else:
            rejected.replaced += int(bad.sum())
            table.loc[bad, column] = [
                join_units(
                    [unit if unit in legal else alphabet.illegal for unit in units[row]], alphabet
                )
                for row in table[bad].index
            ]
    if alphabet.kind == "kmer":
        _refuse_spaces(table, column)
    shortest = alphabet.k if alphabet.kind == "kmer" else 1
    filled = table[column]
    if alphabet.kind == "separator":
        filled = filled.str.replace(alphabet.separator, "", regex=False)
    empty = filled.str.strip().str.len() < shortest
    if empty.any() and alphabet.illegal == "error":
        raise PolymathError(
            f"{table.loc[empty, PLACE].iloc[0]}: the sequence is empty or shorter than one symbol "
            f"({empty.sum()} such rows): correct or delete it, or set 'illegal: drop'"
        )
    return rejected.drop(table, empty, "empty sequence")


def _refuse_spaces(table: pd.DataFrame, column: str) -> None:
    """Refuse spaces in sequences: they separate the symbols of a k-mer alphabet."""
    spaced = table[column].str.contains(r"\s")
    if spaced.any():
        raise PolymathError(
            f"{table.loc[spaced, PLACE].iloc[0]}: the sequence has a space ({spaced.sum()} such "
            "rows), which a k-mer cannot contain: add it to 'remove' of the alphabet"
        )


def _drop_contradictions(
    table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows
) -> pd.DataFrame:
    """Drop equal sequences with different labels, under the policy `drop`."""
    if dataset.duplicates == "group" or dataset.type == "regression":
        return table
    classes = table.groupby(CONTENT)["label"].transform("nunique")
    return rejected.drop(table, classes > 1, "equal sequences with different labels")


def _split(table: pd.DataFrame, dataset: Dataset, seed: int) -> pd.Series:
    """Return each row's split: the official one, its missing parts drawn."""
    stratify = dataset.type == "classification"
    stream = derive_seed(seed, "split")
    if dataset.reader.split is None:
        return assign_splits(table["label"], table["group"], dataset.split, stream, stratify)
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
            table.loc[free, "label"],
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


def _check_splits(table: pd.DataFrame, dataset: Dataset) -> None:
    for split, count in split_counts(table).items():
        if count == 0:
            raise PolymathError(f"no row is left for {split}: add rows or change the split")
    if dataset.type == "classification":
        classes = set(table["label"])
        if dataset.labels and dataset.unseen_labels == "error":
            classes |= set(dataset.labels)
        if len(classes) < 2:
            raise PolymathError(
                f"only the class '{min(classes)}' is left after rows were left out: correct "
                "these, or change 'illegal' of the alphabet or 'duplicates'"
            )
        unseen = classes - set(table.loc[table["split"] == "train", "label"])
        if unseen:
            raise PolymathError(
                f"class '{min(unseen)}' has no row in train: add some, name the classes to keep in "
                "'labels', or set 'unseen_labels: drop'"
            )


def _check_counts(task: str, dataset: Dataset, table: pd.DataFrame) -> None:
    """Compare the records with the row counts that the catalogue or the user states."""
    if dataset.rows is None:
        return
    expected = dataset.rows.model_dump()
    counts = split_counts(table)
    if counts != expected:
        raise PolymathError(
            f"datasets: {task}: rows: expected {expected}, found {counts}: check that the files "
            "are whole and the right ones, or change 'rows' or leave it out"
        )
