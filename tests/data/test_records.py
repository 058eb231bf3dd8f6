"""A user's own data, in every format, becomes records."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.experiment.datasets import Dataset
from support.labelled_words import (
    OFFICIAL,
    PAIRS,
    WORDS,
    class_of,
    good_rows,
    pair_rows,
    split_rows,
)
from support.music import write_midi
from support.own_data import CSV, REGRESSION, Prepared, prepare, prepare_csv


def write_rows(path: Path, labels: list[Any]) -> dict[str, Any]:
    """Write WORDS and their labels in the format of the path's suffix; return a reader for it."""
    table, rows = pd.DataFrame({"seq": WORDS, "y": labels}), zip(WORDS, labels, strict=True)
    match path.suffix:
        case ".csv":
            table.to_csv(path, index=False)
        case ".tsv":
            table.to_csv(path, index=False, sep="\t")
        case ".parquet":
            table.to_parquet(path)
        case ".fasta":
            path.write_text("".join(f">{word}|{label}\n{word}\n" for word, label in rows))
            columns = {"header": r"(?P<id>.+)\|(?P<label>.+)"}
            return {"format": "fasta", "columns": columns, "id": "id"}
        case _:
            path.write_text("".join(f"{label}: {word}\n" for word, label in rows))
            return {"format": "lines", "pattern": r"(?P<label>\S+): (?P<sequence>\w+)"}
    return {**CSV, "format": path.suffix[1:]}


FORMATS = pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet", "a.fasta", "a.txt"])


@FORMATS
def test_classification(tmp_path: Path, name: str) -> None:
    reader = write_rows(tmp_path / name, [class_of(word) for word in WORDS])
    done = prepare(tmp_path / name, tmp_path / "out", reader=reader)
    assert list(done.table.columns) == ["id", "sequence", "label", "split", "group"]
    assert done.labels() == {word: class_of(word) for word in WORDS}
    assert done.table["id"].is_unique
    assert done.card["labels"] == ["purine", "pyrimidine"]
    # a tenth of each class of 32, rounded down
    assert done.card["splits"] == {"train": 52, "dev": 6, "test": 6}


@FORMATS
def test_regression(tmp_path: Path, name: str) -> None:
    values = [number / 4 - 3 for number in range(len(WORDS))]
    reader = write_rows(tmp_path / name, values)
    done = prepare(tmp_path / name, tmp_path / "out", reader=reader, **REGRESSION)
    assert done.labels() == dict(zip(WORDS, values, strict=True))
    assert done.table["label"].dtype == float
    assert done.card["labels"] == []
    assert done.card["label_values"]["min"] == -3.0
    assert "labels_by_split" not in done.card


def test_classification_by_fasta_file(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("purine", "pyrimidine"):
        words = [word for word in WORDS if class_of(word) == name]
        text = "".join(f">{number}\n{word}\n" for number, word in enumerate(words))
        (folder / f"{name}.fasta").write_text(text)
    done = prepare(folder, tmp_path / "out", reader={"format": "fasta", "label": "file"})
    assert done.labels() == {word: class_of(word) for word in WORDS}
    assert done.table["id"].iloc[0] == "purine.fasta: record 1"


def write_scores(folder: Path) -> None:
    for number in range(12):
        composer, base = [("bach", 40), ("chopin", 60)][number % 2]
        write_midi(folder / composer / f"{number}.mid", [(base, 0, 1), (base + number, 1, 2)])


def test_classification_of_midi_by_folder(tmp_path: Path) -> None:
    write_scores(tmp_path / "own")
    reader = {"format": "midi", "label": "folder"}
    done = prepare(tmp_path / "own", tmp_path / "out", reader=reader, alphabet="pitch")
    assert done.labels()["40 42"] == "bach"
    assert done.labels()["60 63"] == "chopin"
    assert done.card["rows"] == 12
    assert done.card["length"]["max"] == 2


def test_regression_of_midi_by_metadata(tmp_path: Path) -> None:
    write_scores(tmp_path / "own")
    lines = [f"{number}.mid,{1700 + number},{number % 4}" for number in range(12)]
    (tmp_path / "own" / "meta.csv").write_text("\n".join(["file,year,work", *lines]))
    reader = {"format": "midi", "label": "year", "group": "work", "metadata": "meta.csv"}
    done = prepare(
        tmp_path / "own", tmp_path / "out", reader=reader, alphabet="pitch", **REGRESSION
    )
    assert done.labels()["40 42"] == 1702.0
    assert done.card["groups"] == 4
    assert done.card["label_values"]["max"] == 1711.0


def test_official_split_is_kept(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, split_rows(), "seq,y,s", reader=OFFICIAL)
    splits = dict(zip(done.table["sequence"], done.table["split"], strict=True))
    assert splits == {row.split(",")[0]: row.split(",")[2] for row in split_rows()}


def test_missing_dev_is_taken_from_train(tmp_path: Path) -> None:
    rows = split_rows(test=16, dev=0)
    done = prepare_csv(tmp_path, rows, "seq,y,s", reader=OFFICIAL)
    tested = {row.split(",")[0] for row in rows if row.endswith("test")}
    assert set(done.table.loc[done.table["split"] == "test", "sequence"]) == tested
    assert done.card["splits"] == {"train": 44, "dev": 4, "test": 16}
    assert done.card["labels_by_split"]["purine"]["dev"] == 2


def test_own_words_for_splits_in_any_case(tmp_path: Path) -> None:
    words = {"train": "Fit", "dev": "VALID", "test": "Held-Out"}
    rows = [row.rsplit(",", 1)[0] + "," + words[row.rsplit(",", 1)[1]] for row in split_rows()]
    names = {"Fit": "train", "Held-Out": "test"}
    reader = {**OFFICIAL, "split_names": names}
    done = prepare_csv(tmp_path, rows, "seq,y,s", reader=reader)
    assert done.card["splits"] == {"train": 48, "dev": 8, "test": 8}


def test_groups_never_straddle(tmp_path: Path) -> None:
    rows = [f"{row},g{number % 16}" for number, row in enumerate(good_rows())]
    done = prepare_csv(tmp_path, rows, "seq,y,g", reader={**CSV, "group": "g"})
    assert done.card["groups"] == 16
    assert (done.table.groupby("group")["split"].nunique() == 1).all()
    assert (done.table.groupby("group").size() == 4).all()


def test_own_ids(tmp_path: Path) -> None:
    rows = [f"{row},n{number}" for number, row in enumerate(good_rows())]
    done = prepare_csv(tmp_path, rows, "seq,y,name", reader={**CSV, "id": "name"})
    assert list(done.table["id"]) == [f"n{number}" for number in range(64)]


@pytest.mark.parametrize("folders", [("x", "y"), ("x/same", "y/same")])
def test_default_ids_are_unique_over_folders(tmp_path: Path, folders: tuple[str, str]) -> None:
    for folder, rows in zip(folders, (good_rows()[:32], good_rows()[32:]), strict=True):
        (tmp_path / "own" / folder).mkdir(parents=True)
        text = "\n".join(["seq,y", *rows])
        (tmp_path / "own" / folder / "part.csv").write_text(text)
    done = prepare(tmp_path / "own", tmp_path / "out")
    assert len(done.table) == 64
    assert done.table["id"].is_unique


def test_chosen_labels_keep_their_order(tmp_path: Path) -> None:
    rows = [*good_rows(), "AAAA,other", "CCCC,other"]
    done = prepare_csv(tmp_path, rows, labels=["pyrimidine", "purine"])
    assert done.card["labels"] == ["pyrimidine", "purine"]
    assert done.rejected() == {"class not asked for": 2}


def test_sequences_are_normalised(tmp_path: Path) -> None:
    rows = [f"{word[0].lower()}-{word[1:]},{class_of(word)}" for word in WORDS]
    done = prepare_csv(tmp_path, rows, alphabet={"preset": "dna", "remove": "-"})
    assert set(done.table["sequence"]) == set(WORDS)


def test_seed_decides_the_split(tmp_path: Path) -> None:
    first, again, another = (
        prepare_csv(tmp_path, good_rows(), seed=seed).table for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert list(first["split"]) != list(another["split"])


# Pairs of sequences.


def prepare_pairs(tmp_path: Path, rows: list[str], **fields: Any) -> Prepared:
    return prepare_csv(tmp_path, rows, "seq,other,y", reader=PAIRS, **fields)


def test_a_pair_keeps_both_sequences(tmp_path: Path) -> None:
    table = prepare_pairs(tmp_path, pair_rows()).table
    assert list(table.columns) == ["id", "sequence", "sequence2", "label", "split", "group"]
    pairs = {tuple(row.split(",")[:2]) for row in pair_rows()}
    assert set(zip(table["sequence"], table["sequence2"], strict=True)) == pairs


def test_pairs_are_equal_only_if_both_sequences_are(tmp_path: Path) -> None:
    rows = pair_rows()
    same_first = f"{WORDS[0]},{WORDS[5]},{class_of(WORDS[0])}"
    table = prepare_pairs(tmp_path, [*rows, rows[0], same_first], duplicates="drop").table
    assert len(table) == len(rows) + 1


def test_windows_do_not_go_with_pairs() -> None:
    with pytest.raises(ValueError, match="'windows' cut single sequences"):
        Dataset.model_validate(
            {"domain": "dna", "source": {"kind": "path", "path": "x"}, "reader": PAIRS,
             "alphabet": "dna", "windows": {"size": 4, "stride": 4}}
        )  # fmt: skip


# Classes without a training row, and groups of several columns.


@pytest.mark.parametrize("labels", [None, ["pyrimidine", "rare", "purine"]])
def test_classes_without_a_training_row_are_left_out_and_counted(
    tmp_path: Path, labels: list[str] | None
) -> None:
    rows = [*split_rows(), "ACGTA,rare,test", "ACGTC,rare,dev"]
    done = prepare_csv(
        tmp_path, rows, "seq,y,s", reader=OFFICIAL, labels=labels, unseen_labels="drop"
    )
    assert done.rejected() == {"class without a training row": 2}
    assert done.card["splits"] == {"train": 48, "dev": 8, "test": 8}
    assert done.card["labels"] == sorted(done.card["labels"], reverse=labels is not None)
    assert set(done.card["labels"]) == {"purine", "pyrimidine"}


def test_a_group_of_several_columns(tmp_path: Path) -> None:
    rows = [f"{word},{class_of(word)},{word[0]},{word[1]}" for word in WORDS]
    reader = {**CSV, "group": ["g", "h"]}
    done = prepare_csv(tmp_path, rows, "seq,y,g,h", reader=reader)
    records = done.table
    assert records["group"].nunique() == 16
    assert records.groupby(records["sequence"].str[:2])["group"].nunique().max() == 1
    assert records.groupby("group")["split"].nunique().max() == 1
