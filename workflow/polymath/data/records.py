"""Raw rows to records: labelled, checked, deduplicated and split, with a data card."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.data.alphabets import join_units, normalise, split_units
from polymath.data.data_card import Rejections, describe
from polymath.data.fetch.manifest import Manifest
from polymath.data.readers import PLACE, read_rows, require_column
from polymath.data.splits import ALIASES, SPLITS, assign_splits, join_groups
from polymath.experiment.datasets import Dataset
from polymath.experiment.stage_versions import RECORDS
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed
from polymath.util.storage import write_json, write_table

CONTENT = "@content"  # a row's sequence, or both of a pair
PAIR = "\x1f"  # between them: the ASCII character for it


def record_schema(dataset: Dataset) -> pa.Schema:
    """Columns of the records table; pairs have a second sequence."""
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
        workers: processes that read files where reading takes long.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    rejected = Rejections()
    raw = Manifest.read(manifest)
    for file in raw.rejected:
        rejected.note("unreadable at the source", [f"{file['file']}: {file['reason']}"])
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
            **describe(table, dataset),
            "rejected": rejected.as_list(),
            "rows_with_replaced_symbols": rejected.mended,
        },
        card,
    )
    return table


def class_names(dataset: Dataset, table: pd.DataFrame) -> list[str]:
    """Return the classes in order; empty for regression."""
    if dataset.type == "regression":
        return []
    left = set(table["label"])
    return [label for label in dataset.labels or sorted(left) if label in left]


def build_records(
    dataset: Dataset, files: list[Path], seed: int, rejected: Rejections, workers: int = 1
) -> pd.DataFrame:
    """Return the records of raw files: columns id, sequence (and sequence2), label, split, group.

    Raises:
        PolymathError: naming the file, the row and the remedy.
    """
    table = _select_columns(read_rows(files, dataset.reader, workers), dataset)
    table = _check_labels(table, dataset, rejected)
    for column in _sequences(dataset):
        table = _check_symbols(table, column, dataset, rejected)
    table[CONTENT] = table[_sequences(dataset)].agg(PAIR.join, axis=1)
    table = _drop_contradictions(table, dataset, rejected)
    table["group"] = join_groups(table["group"], table[CONTENT])
    table["split"] = _split(table, dataset, seed)
    table = _keep_apart(table, rejected)
    if dataset.duplicates == "drop":
        table = rejected.drop(table, table[CONTENT].duplicated(), "duplicate sequence")
    if dataset.unseen_labels == "drop" and dataset.type == "classification":
        seen = set(table.loc[table["split"] == "train", "label"])
        table = rejected.drop(table, ~table["label"].isin(seen), "class without a training row")
    _check_splits(table, dataset)
    table["group"] = pd.factorize(table["group"])[0].astype(str)
    return table[["id", *_sequences(dataset), "label", "split", "group"]]


def _sequences(dataset: Dataset) -> list[str]:
    """Return the columns that hold a record's sequences; a pair is equal to another if both are."""
    return ["sequence", "sequence2"] if dataset.reader.sequence2 else ["sequence"]


def _select_columns(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    reader = dataset.reader
    chosen = {PLACE: rows[PLACE]}
    for role in (*_sequences(dataset), "label", "split", "group", "id"):
        given = getattr(reader, role)
        if given is None:
            chosen[role] = pd.Series("", index=rows.index)
            continue
        columns = [given] if isinstance(given, str) else list(given)
        for column in columns:
            require_column(rows, column, role, rows[PLACE].iloc[0].rsplit(": ", 1)[0])
        chosen[role] = (
            rows[columns].agg(PAIR.join, axis=1) if len(columns) > 1 else rows[columns[0]]
        )
    table = pd.DataFrame(chosen)
    if reader.id is None:
        table["id"] = [place.rsplit("/", 1)[-1] for place in table[PLACE]]
    repeated = table["id"].duplicated()
    if repeated.any():
        if reader.id is None:  # files of one name in several folders
            table["id"] = rows["folder"] + "/" + table["id"]
            if table["id"].duplicated().any():  # and the folders have one name, too
                table["id"] = table[PLACE]
        else:
            place = table.loc[repeated, PLACE].iloc[0]
            raise PolymathError(
                f"{place}: id '{table.loc[repeated, 'id'].iloc[0]}' is not unique: mend it, or "
                "leave 'id' out of the reader"
            )
    return table


def _check_labels(table: pd.DataFrame, dataset: Dataset, rejected: Rejections) -> pd.DataFrame:
    table["label"] = table["label"].str.strip()
    missing = table["label"] == ""
    if missing.any():
        raise PolymathError(
            f"{table.loc[missing, PLACE].iloc[0]}: the label is missing ({missing.sum()} rows in "
            "all): fill it in or delete the row"
        )
    if dataset.type == "regression":
        numbers = pd.to_numeric(table["label"], errors="coerce")
        bad = ~np.isfinite(numbers)
        if bad.any():
            raise PolymathError(
                f"{table.loc[bad, PLACE].iloc[0]}: label {table.loc[bad, 'label'].iloc[0]!r} is "
                "not a finite number: mend it, or set 'type: classification'"
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
    table: pd.DataFrame, column: str, dataset: Dataset, rejected: Rejections
) -> pd.DataFrame:
    """Normalise one column of sequences; treat illegal symbols as the alphabet's policy says."""
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
                f"in the alphabet ({bad.sum()} such rows): mend the row, or set 'illegal' of the "
                "alphabet to 'drop' or to a symbol to put instead"
            )
        if alphabet.illegal == "drop":
            table = rejected.drop(table, bad, "symbol outside the alphabet")
        else:
            rejected.mended += int(bad.sum())
            table.loc[bad, column] = [
                join_units([u if u in legal else alphabet.illegal for u in units[row]], alphabet)
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
            f"({empty.sum()} such rows): mend or delete it, or set 'illegal: drop'"
        )
    return rejected.drop(table, empty, "empty sequence")


def _refuse_spaces(table: pd.DataFrame, column: str) -> None:
    """A k-mer alphabet is written with spaces between its symbols, so none has one inside."""
    spaced = table[column].str.contains(r"\s")
    if spaced.any():
        raise PolymathError(
            f"{table.loc[spaced, PLACE].iloc[0]}: the sequence has a space ({spaced.sum()} such "
            "rows), which a k-mer cannot hold: name it in 'remove' of the alphabet"
        )


def _drop_contradictions(
    table: pd.DataFrame, dataset: Dataset, rejected: Rejections
) -> pd.DataFrame:
    """Under the policy «drop», of equal sequences with different labels keep none."""
    if dataset.duplicates == "group" or dataset.type == "regression":
        return table
    classes = table.groupby(CONTENT)["label"].transform("nunique")
    return rejected.drop(table, classes > 1, "equal sequences with different labels")


def _split(table: pd.DataFrame, dataset: Dataset, seed: int) -> pd.Series:
    """Keep the official split; fill what it lacks."""
    stratify = dataset.type == "classification"
    stream = derive_seed(seed, "split")
    if dataset.reader.split is None:
        return assign_splits(table["label"], table["group"], dataset.split, stream, stratify)
    own_words = {word.strip().lower(): part for word, part in dataset.reader.split_names.items()}
    words = {**ALIASES, **own_words}
    official = table["split"].str.strip().str.lower().map(words)
    if official.isna().any():
        first = table[official.isna()].iloc[0]
        raise PolymathError(
            f"{first[PLACE]}: split {first['split']!r} is unknown: use train, dev or test, "
            "or say what it means under 'split_names' of the reader"
        )
    for needed in ("train", "test"):
        if not (official == needed).any():
            found = ", ".join(sorted(set(table["split"])))
            raise PolymathError(
                f"column '{dataset.reader.split}': no row is for {needed} (found: {found}): mark "
                "some, or leave 'split' out of the reader to have the rows split"
            )
    if not (official == "dev").any():
        free = (official == "train") & ~table["group"].isin(
            set(table.loc[official == "test", "group"])
        )
        part = assign_splits(
            table.loc[free, "label"],
            table.loc[free, "group"],
            dataset.split,
            stream,
            stratify,
            parts=("dev",),
        )
        official.loc[part.index] = part
    return official


def _keep_apart(table: pd.DataFrame, rejected: Rejections) -> pd.DataFrame:
    """Where an official split puts one group on several sides, keep its most protected side."""
    for kept, others in (("test", ["train", "dev"]), ("dev", ["train"])):
        protected = set(table.loc[table["split"] == kept, "group"])
        straddling = table["group"].isin(protected) & table["split"].isin(others)
        table = rejected.drop(table, straddling, f"same sequence or group as a {kept} row")
    return table


def _check_splits(table: pd.DataFrame, dataset: Dataset) -> None:
    counts = table["split"].value_counts()
    for split in SPLITS:
        if counts.get(split, 0) == 0:
            raise PolymathError(f"no row is left for {split}: add rows or change the split")
    if dataset.type == "classification":
        classes = set(table["label"])
        if dataset.labels and dataset.unseen_labels == "error":
            classes |= set(dataset.labels)
        if len(classes) < 2:
            raise PolymathError(
                f"only the class '{min(classes)}' is left after rows were left out: mend the "
                "others, or change 'illegal' of the alphabet or 'duplicates'"
            )
        unseen = classes - set(table.loc[table["split"] == "train", "label"])
        if unseen:
            raise PolymathError(
                f"class '{min(unseen)}' has no row in train: add some, name the classes to keep in "
                "'labels', or set 'unseen_labels: drop'"
            )


def _check_counts(task: str, dataset: Dataset, table: pd.DataFrame) -> None:
    """Hold the records to the counts that the catalogue, or the user, says they have."""
    if dataset.rows is None:
        return
    expected = dataset.rows.model_dump()
    found = {split: int((table["split"] == split).sum()) for split in SPLITS}
    if found != expected:
        raise PolymathError(
            f"datasets: {task}: rows: expected {expected}, found {found}: are the files whole and "
            "the right ones? If they are meant to differ, change 'rows' or leave it out"
        )
