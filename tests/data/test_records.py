"""A user's own data becomes records and a data card, or an error that says what to mend."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pretty_midi
import pytest

from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.manifest import Manifest
from polymath.data.records import prepare_records
from polymath.experiment.catalogue import Dataset
from polymath.experiment.sources import PathSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, read_metadata, read_table

WORDS = ["".join(letters) for letters in product("ACGT", repeat=3)]  # 64 distinct sequences
CSV = {"format": "csv", "sequence": "seq", "label": "y"}
REGRESSION: dict[str, Any] = {"type": "regression", "metric": "spearman"}


@dataclass(frozen=True)
class Prepared:
    """What one call of prepare_records left behind."""

    table: pd.DataFrame
    card: dict[str, Any]
    records: Path
    manifest: Path

    def labels(self) -> dict[str, Any]:
        return dict(zip(self.table["sequence"], self.table["label"], strict=True))

    def splits(self, sequence: str) -> set[str]:
        return set(self.table.loc[self.table["sequence"] == sequence, "split"])

    def rejected(self) -> dict[str, int]:
        return {one["reason"]: one["count"] for one in self.card["rejected"]}


def prepare(source: Path, out: Path, seed: int = 1, **fields: Any) -> Prepared:
    dataset = Dataset.model_validate(
        {
            "domain": "dna",
            "source": {"kind": "path", "path": str(source)},
            "reader": CSV,
            "alphabet": "dna",
            **fields,
        }
    )
    assert isinstance(dataset.source, PathSource)
    manifest = out / "raw" / "manifest.json"
    fetch(dataset.source, manifest, 1, lambda _: None)
    records, card = out / "records.parquet", out / "card.json"
    prepare_records("own", dataset, manifest, seed, records, card)
    return Prepared(read_table(records), read_json(card), records, manifest)


def prepare_csv(tmp_path: Path, rows: list[str], header: str = "seq,y", **fields: Any) -> Prepared:
    path = tmp_path / "own.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return prepare(path, tmp_path / "out", **fields)


def refusal(tmp_path: Path, rows: list[str], header: str = "seq,y", **fields: Any) -> str:
    with pytest.raises(PolymathError) as caught:
        prepare_csv(tmp_path, rows, header, **fields)
    return str(caught.value).replace(f"{tmp_path}/", "")


def class_of(word: str) -> str:
    return "purine" if word[0] in "AG" else "pyrimidine"


def good_rows() -> list[str]:
    return [f"{word},{class_of(word)}" for word in WORDS]


def split_rows(test: int = 8, dev: int = 8) -> list[str]:
    """The good rows with an official split in a third column."""
    names = ["test"] * test + ["dev"] * dev
    names += ["train"] * (len(WORDS) - len(names))
    order = sorted(WORDS, key=lambda word: word[::-1])  # each split has both classes
    return [f"{word},{class_of(word)},{name}" for word, name in zip(order, names, strict=True)]


OFFICIAL = {**CSV, "split": "s"}

# A user's own data, in every format.


def write_classes(path: Path) -> dict[str, Any]:
    """Write the good rows in the format of the path's suffix; return a reader for it."""
    columns = pd.DataFrame({"seq": WORDS, "y": [class_of(word) for word in WORDS]})
    match path.suffix:
        case ".csv":
            columns.to_csv(path, index=False)
            return CSV
        case ".tsv":
            columns.to_csv(path, index=False, sep="\t")
            return {**CSV, "format": "tsv"}
        case ".parquet":
            columns.to_parquet(path)
            return {**CSV, "format": "parquet"}
        case ".fasta":
            path.write_text("".join(f">{word}|{class_of(word)}\n{word}\n" for word in WORDS))
            return {"format": "fasta", "header": ["id", "label"], "id": "id"}
        case _:
            path.write_text("".join(f"{class_of(word)}: {word}\n" for word in WORDS))
            return {"format": "lines", "pattern": r"(?P<label>\w+): (?P<sequence>\w+)"}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet", "a.fasta", "a.txt"])
def test_classification(tmp_path: Path, name: str) -> None:
    reader = write_classes(tmp_path / name)
    done = prepare(tmp_path / name, tmp_path / "out", reader=reader)
    assert list(done.table.columns) == ["id", "sequence", "label", "split", "group"]
    assert done.labels() == {word: class_of(word) for word in WORDS}
    assert done.table["id"].is_unique
    assert done.card["labels"] == ["purine", "pyrimidine"]
    # a tenth of each class of 32, rounded down
    assert done.card["splits"] == {"train": 52, "dev": 6, "test": 6}


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


def write_scores(folder: Path, count: int = 6) -> None:
    for number in range(2 * count):
        composer, base = [("bach", 40), ("chopin", 60)][number % 2]
        midi = pretty_midi.PrettyMIDI()
        part = pretty_midi.Instrument(program=0)
        pitches = [base, base + number]
        part.notes = [pretty_midi.Note(80, p, t, t + 1) for t, p in enumerate(pitches)]
        midi.instruments.append(part)
        (folder / composer).mkdir(parents=True, exist_ok=True)
        midi.write(str(folder / composer / f"{number}.mid"))


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


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.fasta", "a.txt"])
def test_regression(tmp_path: Path, name: str) -> None:
    path, values = tmp_path / name, [number / 4 - 3 for number in range(len(WORDS))]
    reader: dict[str, Any] = {**CSV, "format": path.suffix[1:]}
    if path.suffix == ".csv":
        pd.DataFrame({"seq": WORDS, "y": values}).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pd.DataFrame({"seq": WORDS, "y": values}).to_parquet(path)
    elif path.suffix == ".fasta":
        reader = {"format": "fasta", "header": ["id", "label"], "separator": " "}
        path.write_text("".join(f">x {v}\n{w}\n" for w, v in zip(WORDS, values, strict=True)))
    else:
        reader = {"format": "lines", "pattern": r"(?P<sequence>\w+)\s(?P<label>\S+)"}
        path.write_text("".join(f"{w}\t{v}\n" for w, v in zip(WORDS, values, strict=True)))
    done = prepare(path, tmp_path / "out", reader=reader, **REGRESSION)
    assert done.labels() == dict(zip(WORDS, values, strict=True))
    assert done.table["label"].dtype == float
    assert done.card["labels"] == []
    assert done.card["label_values"]["min"] == -3.0
    assert "labels_by_split" not in done.card


def test_official_split_is_kept(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, split_rows(), "seq,y,s", reader=OFFICIAL)
    found = dict(zip(done.table["sequence"], done.table["split"], strict=True))
    assert found == {row.split(",")[0]: row.split(",")[2] for row in split_rows()}


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
    first, again, other = (
        prepare_csv(tmp_path, good_rows(), seed=seed).table for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert list(first["split"]) != list(other["split"])


# Bad input: the file, the row, and the mend.


def test_label_column_missing(tmp_path: Path) -> None:
    text = refusal(tmp_path, good_rows(), "seq,lable", reader={**CSV, "label": "label"})
    assert text == "own.csv: no column 'label' for 'label': did you mean 'lable'?"


def test_nothing_near_lists_the_columns(tmp_path: Path) -> None:
    text = refusal(tmp_path, good_rows(), "q1,q2")
    assert text == "own.csv: no column 'seq' for 'sequence': valid: file, folder, q1, q2"


@pytest.mark.parametrize("field", ["split", "group", "id"])
def test_other_column_missing(tmp_path: Path, field: str) -> None:
    text = refusal(tmp_path, good_rows(), reader={**CSV, field: "seqq"})
    assert text == f"own.csv: no column 'seqq' for '{field}': did you mean 'seq'?"


def test_label_missing_in_a_row(tmp_path: Path) -> None:
    rows = good_rows()
    rows[4], rows[9] = "AAAA, ", "CCCC"
    assert refusal(tmp_path, rows) == (
        "own.csv: row 5: the label is missing (2 rows in all): fill it in or delete the row"
    )


@pytest.mark.parametrize("label", ["high", "nan", "inf", "1e999"])
def test_label_that_is_no_number(tmp_path: Path, label: str) -> None:
    rows = [f"{word},{number}" for number, word in enumerate(WORDS)]
    rows[2] = f"AAAA,{label}"
    assert refusal(tmp_path, rows, **REGRESSION) == (
        f"own.csv: row 3: label '{label}' is not a finite number: mend it, or set "
        "'type: classification'"
    )


def test_one_class_only(tmp_path: Path) -> None:
    assert refusal(tmp_path, [f"{word},same" for word in WORDS]) == (
        "own.csv: all rows have the label 'same': a classification task needs two classes"
    )


def test_one_class_left_after_dropping(tmp_path: Path) -> None:
    rows = [f"{word},{'x' if 'T' in word else 'y'}" for word in WORDS]
    text = refusal(tmp_path, rows, alphabet={"kind": "character", "symbols": ["A", "C", "G"],
                                             "illegal": "drop"})  # fmt: skip
    assert text.startswith("only the class 'y' is left after rows were left out")


def test_class_that_nobody_has(tmp_path: Path) -> None:
    text = refusal(tmp_path, good_rows(), labels=["purine", "pyrimidin"])
    assert text == (
        "labels: no row has the class 'pyrimidin': the column has ['purine', 'pyrimidine']"
    )


def test_class_with_too_few_rows(tmp_path: Path) -> None:
    assert refusal(tmp_path, [*good_rows(), "AAAA,rare", "CCCC,rare", "CCCC,rare"]) == (
        "class 'rare' has 2 distinct sequences or groups, too few for test, dev, train: add rows, "
        "or name the classes to keep in 'labels'"
    )


def test_regression_with_too_few_rows(tmp_path: Path) -> None:
    text = refusal(tmp_path, ["A,1", "C,2"], **REGRESSION)
    assert text.startswith("the data set has 2 distinct sequences or groups, too few for")


def test_split_column_without_train(tmp_path: Path) -> None:
    rows = [row.replace(",train", ",test") for row in split_rows()]
    assert refusal(tmp_path, rows, "seq,y,s", reader=OFFICIAL) == (
        "column 's': no row is for train (found: dev, test): mark some, or leave 'split' out of "
        "the reader to have the rows split"
    )


def test_unknown_split_word(tmp_path: Path) -> None:
    rows = split_rows()
    rows[6] = rows[6].replace("test", "holdout")
    assert refusal(tmp_path, rows, "seq,y,s", reader=OFFICIAL) == (
        "own.csv: row 7: split 'holdout' is unknown: use train, dev or test, or say what it means "
        "under 'split_names' of the reader"
    )


def test_class_without_training_rows(tmp_path: Path) -> None:
    rows = [*split_rows(), "AAAA,rare,test"]
    text = refusal(tmp_path, rows, "seq,y,s", reader=OFFICIAL)
    assert text.startswith("class 'rare' has no row in train: ")


def test_id_that_is_not_unique(tmp_path: Path) -> None:
    rows = [f"{row},n{min(number, 5)}" for number, row in enumerate(good_rows())]
    assert refusal(tmp_path, rows, "seq,y,name", reader={**CSV, "id": "name"}) == (
        "own.csv: row 7: id 'n5' is not unique: mend it, or leave 'id' out of the reader"
    )


def test_empty_sequence(tmp_path: Path) -> None:
    rows = [*good_rows(), ",purine"]
    assert refusal(tmp_path, rows) == (
        "own.csv: row 65: the sequence is empty or shorter than one symbol (1 such rows): mend or "
        "delete it, or set 'illegal: drop'"
    )
    done = prepare_csv(tmp_path, rows, alphabet={"preset": "dna", "illegal": "drop"})
    assert done.rejected() == {"empty sequence": 1}


def test_sequence_of_separators_alone_is_empty(tmp_path: Path) -> None:
    rows = [f"{';'.join(word)},{class_of(word)}" for word in WORDS]
    text = refusal(tmp_path, [*rows, ";;,purine"], alphabet={"kind": "separator", "separator": ";"})
    assert text.startswith("own.csv: row 65: the sequence is empty")


def test_a_space_inside_a_kmer(tmp_path: Path) -> None:
    alphabet = {"kind": "kmer", "k": 3}
    assert refusal(tmp_path, [*good_rows(), "AC GT,purine"], alphabet=alphabet) == (
        "own.csv: row 65: the sequence has a space (1 such rows), which a k-mer cannot hold: name "
        "it in 'remove' of the alphabet"
    )
    done = prepare_csv(
        tmp_path, [*good_rows(), "AC GT,purine"], alphabet={**alphabet, "remove": " "}
    )
    assert "ACGT" in set(done.table["sequence"])


def test_sequence_shorter_than_a_kmer(tmp_path: Path) -> None:
    text = refusal(tmp_path, [*good_rows(), "AC,purine"], alphabet={"kind": "kmer", "k": 3})
    assert text.startswith("own.csv: row 65: the sequence is empty or shorter than one symbol")


def test_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"nowhere' does not exist: check 'path'"):
        prepare(tmp_path / "nowhere", tmp_path / "out")


def test_file_that_changed_since_it_was_fetched(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, good_rows())
    (tmp_path / "own.csv").write_text("seq,y\n")
    dataset = Dataset.model_validate(
        {"domain": "dna", "source": {"kind": "path", "path": "x"}, "reader": CSV, "alphabet": "dna"}
    )
    with pytest.raises(PolymathError, match=r"own\.csv: missing, or not the \d+ bytes"):
        prepare_records("own", dataset, done.manifest, 1, done.records, tmp_path / "card.json")


# Illegal symbols.

ILLEGAL = ["ACXZ,purine", "XXX,pyrimidine"]


def test_illegal_symbols_are_an_error(tmp_path: Path) -> None:
    assert refusal(tmp_path, [*good_rows(), *ILLEGAL]) == (
        "own.csv: row 65: symbol 'X' at position 3 is not in the alphabet (2 such rows): mend the "
        "row, or set 'illegal' of the alphabet to 'drop' or to a symbol to put instead"
    )


def test_illegal_symbols_are_dropped_and_counted(tmp_path: Path) -> None:
    done = prepare_csv(
        tmp_path, [*good_rows(), *ILLEGAL], alphabet={"preset": "dna", "illegal": "drop"}
    )
    assert set(done.table["sequence"]) == set(WORDS)
    [entry] = done.card["rejected"]
    assert (entry["reason"], entry["count"]) == ("symbol outside the alphabet", 2)
    assert [Path(place).name for place in entry["first"]] == ["own.csv: row 65", "own.csv: row 66"]


def test_illegal_symbols_are_replaced_and_counted(tmp_path: Path) -> None:
    done = prepare_csv(
        tmp_path, [*good_rows(), *ILLEGAL], alphabet={"preset": "dna", "illegal": "N"}
    )
    assert set(done.table["sequence"]) == {*WORDS, "ACNN", "NNN"}
    assert done.card["rows_with_replaced_symbols"] == 2
    assert done.card["rejected"] == []


def test_illegal_words_are_replaced(tmp_path: Path) -> None:
    rows = [f"{' '.join(word)},{class_of(word)}" for word in WORDS]
    alphabet = {"kind": "separator", "symbols": list("ACGT"), "illegal": "?"}
    done = prepare_csv(tmp_path, [*rows, "A AA  C,purine"], alphabet=alphabet)
    assert "A ? C" in set(done.table["sequence"])


# Duplicates.


def with_copies() -> list[str]:
    """Each sequence twice, far apart in the file."""
    return [*good_rows(), *good_rows()]


@pytest.mark.parametrize("seed", range(5))
def test_grouped_duplicates_never_straddle(tmp_path: Path, seed: int) -> None:
    done = prepare_csv(tmp_path, with_copies(), duplicates="group", seed=seed)
    assert len(done.table) == 128
    assert all(len(done.splits(word)) == 1 for word in WORDS)
    assert done.card["duplicates"] == {
        "policy": "group",
        "rows_kept_with_an_equal_one": 128,
        "surplus_rows_kept": 64,
    }


def test_copies_join_the_groups_that_share_them(tmp_path: Path) -> None:
    rows = [f"{row},g{number // 2}" for number, row in enumerate(good_rows())]
    rows.append(f"{WORDS[0]},purine,g31")  # joins g0 and g31
    done = prepare_csv(tmp_path, rows, "seq,y,g", reader={**CSV, "group": "g"})
    group = dict(zip(done.table["sequence"], done.table["group"], strict=True))
    assert len({group[WORDS[number]] for number in (0, 1, 62, 63)}) == 1
    assert done.card["groups"] == 31


def test_dropped_duplicates_leave_one(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, with_copies(), duplicates="drop")
    assert sorted(done.table["sequence"]) == sorted(WORDS)
    assert done.rejected() == {"duplicate sequence": 64}
    assert done.card["duplicates"]["surplus_rows_kept"] == 0


def test_contradictions_are_dropped_entirely(tmp_path: Path) -> None:
    rows = [*good_rows(), f"{WORDS[0]},pyrimidine"]
    done = prepare_csv(tmp_path, rows, duplicates="drop")
    assert set(done.table["sequence"]) == set(WORDS[1:])
    assert done.rejected() == {"equal sequences with different labels": 2}


@pytest.mark.parametrize("policy", ["drop", "group"])
def test_of_an_official_split_the_test_copy_survives(tmp_path: Path, policy: str) -> None:
    rows = split_rows()
    tested, developed = rows[0].split(",")[0], rows[8].split(",")[0]
    copies = [f"{word},{class_of(word)},train" for word in (tested, developed)]
    done = prepare_csv(tmp_path, [*copies, *rows], "seq,y,s", reader=OFFICIAL, duplicates=policy)
    assert done.splits(tested) == {"test"}
    assert done.splits(developed) == {"dev"}
    assert done.rejected() == {
        "same sequence or group as a test row": 1,
        "same sequence or group as a dev row": 1,
    }
    assert done.card["splits"] == {"train": 48, "dev": 8, "test": 8}


def test_copies_within_a_split(tmp_path: Path) -> None:
    rows = [*split_rows(), split_rows()[0]]
    kept = prepare_csv(tmp_path, rows, "seq,y,s", reader=OFFICIAL, duplicates="group")
    assert kept.card["splits"]["test"] == 9
    once = prepare_csv(tmp_path, rows, "seq,y,s", reader=OFFICIAL, duplicates="drop")
    assert once.card["splits"]["test"] == 8
    assert once.rejected() == {"duplicate sequence": 1}


# The data card, and what the table says of itself.


def test_card_counts_what_the_table_has(tmp_path: Path) -> None:
    rows = [*good_rows(), "ACGTACGT,purine", "AC GT,purine"]
    alphabet = {"preset": "dna", "illegal": "drop"}
    done = prepare_csv(tmp_path, rows, alphabet=alphabet)
    table, card = done.table, done.card
    assert card["rows"] == len(table) == 65
    assert card["splits"] == table["split"].value_counts().to_dict()
    assert card["labels_by_split"] == {
        label: {
            split: int(((table["label"] == label) & (table["split"] == split)).sum())
            for split in ("train", "dev", "test")
        }
        for label in ("purine", "pyrimidine")
    }
    length = card["length"]
    assert (length["unit"], length["min"], length["median"], length["max"]) == ("symbols", 3, 3, 8)
    assert length["histogram"]["counts"] == [64, 1]
    assert card["groups"] == 65
    assert done.rejected() == {"symbol outside the alphabet": 1}


def test_card_counts_words_of_text(tmp_path: Path) -> None:
    rows = [f"{word} and more,{class_of(word)}" for word in WORDS]
    card = prepare_csv(tmp_path, rows, alphabet="model").card
    assert (card["length"]["unit"], card["length"]["max"]) == ("words", 3)


def test_table_states_source_checksum_and_licence(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, good_rows(), licence="CC0", citation="me", title="mine")
    metadata = read_metadata(done.records)
    assert metadata["source"]["path"] == str(tmp_path / "own.csv")
    assert metadata["source_sha256"] == Manifest.read(done.manifest).sha256
    assert (metadata["licence"], metadata["citation"]) == ("CC0", "me")
    assert (metadata["task"], metadata["type"]) == ("own", "classification")
    assert metadata["labels"] == ["purine", "pyrimidine"]
    assert metadata.items() <= done.card.items()


def test_checksum_follows_the_content(tmp_path: Path) -> None:
    first = read_metadata(prepare_csv(tmp_path, good_rows()).records)
    second = read_metadata(prepare_csv(tmp_path, good_rows()[:-1]).records)
    assert first["source_sha256"] != second["source_sha256"]


def test_an_error_leaves_no_records(tmp_path: Path) -> None:
    refusal(tmp_path, [*good_rows(), *ILLEGAL])
    assert not (tmp_path / "out" / "records.parquet").exists()
    assert not (tmp_path / "out" / "card.json").exists()


# Pairs of sequences.

PAIRS: dict[str, Any] = {**CSV, "sequence2": "other"}


def pair_rows() -> list[str]:
    """Every word beside the next one."""
    others = [*WORDS[1:], WORDS[0]]
    return [f"{word},{other},{class_of(word)}" for word, other in zip(WORDS, others, strict=True)]


def prepare_pairs(tmp_path: Path, rows: list[str], **fields: Any) -> Prepared:
    return prepare_csv(tmp_path, rows, "seq,other,y", reader=PAIRS, **fields)


def test_a_pair_keeps_both_sequences(tmp_path: Path) -> None:
    table = prepare_pairs(tmp_path, pair_rows()).table
    assert list(table.columns) == ["id", "sequence", "sequence2", "label", "split", "group"]
    given = {tuple(row.split(",")[:2]) for row in pair_rows()}
    assert set(zip(table["sequence"], table["sequence2"], strict=True)) == given


def test_pairs_are_equal_only_if_both_sequences_are(tmp_path: Path) -> None:
    rows = pair_rows()
    same_first = f"{WORDS[0]},{WORDS[5]},{class_of(WORDS[0])}"
    table = prepare_pairs(tmp_path, [*rows, rows[0], same_first], duplicates="drop").table
    assert len(table) == len(rows) + 1


def test_both_sequences_of_a_pair_are_checked(tmp_path: Path) -> None:
    bad = f"{WORDS[0]},AC-T,{class_of(WORDS[0])}"
    text = ""
    with pytest.raises(PolymathError) as caught:
        prepare_pairs(tmp_path, [*pair_rows(), bad])
    text = str(caught.value)
    assert "symbol '-' at position 3 is not in the alphabet" in text
    assert f"row {len(WORDS) + 1}" in text


def test_an_empty_second_sequence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match="the sequence is empty or shorter"):
        prepare_pairs(tmp_path, [*pair_rows(), f"{WORDS[0]},,{class_of(WORDS[0])}"])


def test_windows_do_not_go_with_pairs() -> None:
    with pytest.raises(ValueError, match="'windows' cut single sequences"):
        Dataset.model_validate(
            {"domain": "dna", "source": {"kind": "path", "path": "x"}, "reader": PAIRS,
             "alphabet": "dna", "windows": {"size": 4, "stride": 4}}
        )  # fmt: skip


# Classes without a training row, and counts that are known beforehand.


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
    text = refusal(tmp_path, rows, "seq,y,s", reader=OFFICIAL, labels=labels)
    assert text.startswith("class 'rare' has no row in train: ")


def test_known_counts(tmp_path: Path) -> None:
    path, counts = tmp_path / "own.csv", {"train": 48, "dev": 8, "test": 8}
    path.write_text("\n".join(["seq,y,s", *split_rows()]) + "\n")
    done = prepare(path, tmp_path / "out", reader=OFFICIAL, rows=counts)
    assert done.card["splits"] == counts
    with pytest.raises(PolymathError) as caught:
        prepare(path, tmp_path / "other", reader=OFFICIAL, rows={**counts, "dev": 9})
    assert str(caught.value) == (
        "datasets: own: rows: expected {'train': 48, 'dev': 9, 'test': 8}, found {'train': 48, "
        "'dev': 8, 'test': 8}: are the files whole and the right ones? If they are meant to "
        "differ, change 'rows' or leave it out"
    )
    assert not (tmp_path / "other/records.parquet").exists()


def test_a_group_of_several_columns(tmp_path: Path) -> None:
    rows = [f"{word},{class_of(word)},{word[0]},{word[1]}" for word in WORDS]
    reader = {**CSV, "group": ["g", "h"]}
    done = prepare_csv(tmp_path, rows, "seq,y,g,h", reader=reader)
    records = done.table
    assert records["group"].nunique() == 16
    assert records.groupby(records["sequence"].str[:2])["group"].nunique().max() == 1
    assert records.groupby("group")["split"].nunique().max() == 1
    text = refusal(tmp_path, rows, "seq,y,g,h", reader={**CSV, "group": ["g", "hh"]})
    assert text == "own.csv: no column 'hh' for 'group': did you mean 'h'?"
