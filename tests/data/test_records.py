"""A user's own data becomes records and a data card, or an error that says what to mend."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.data.fetch.manifest import Manifest
from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.util.errors import PolymathError
from polymath.util.storage import read_metadata
from support.music import write_midi
from support.own_data import CSV, Prepared, prepare, prepare_csv

WORDS = ["".join(letters) for letters in product("ACGT", repeat=3)]  # 64 distinct sequences
REGRESSION: dict[str, Any] = {"type": "regression", "metric": "spearman"}


def refusal(tmp_path: Path, lines: list[str], header: str = "seq,y", **fields: Any) -> str:
    """Return the error's message, paths relative to the test's folder; nothing was written."""
    with pytest.raises(PolymathError) as caught:
        prepare_csv(tmp_path, lines, header, **fields)
    assert not list((tmp_path / "out").glob("*.*"))
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
PAIRS: dict[str, Any] = {**CSV, "sequence2": "other"}


def pair_rows() -> list[str]:
    """Every word beside the next one."""
    others = [*WORDS[1:], WORDS[0]]
    return [f"{word},{other},{class_of(word)}" for word, other in zip(WORDS, others, strict=True)]


# A user's own data, in every format.


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


# Bad input: the message names the place, the value and what to change.


def after(*rows: str) -> list[str]:
    """The good rows, 64 of them, and others after them."""
    return [*good_rows(), *rows]


def with_row(number: int, row: str, rows: list[str]) -> list[str]:
    return [*rows[: number - 1], row, *rows[number:]]


NUMBERS = [f"{word},{number}" for number, word in enumerate(WORDS)]
# Rows, their header, fields of the data set, and what the message says, in this order.
BAD: dict[str, tuple[list[str], str, dict[str, Any], list[str]]] = {
    "no label column": (
        good_rows(), "seq,lable", {"reader": {**CSV, "label": "label"}},
        ["own.csv: ", "'label'", "did you mean 'lable'?"],
    ),
    "no column like it": (
        good_rows(), "q1,q2", {}, ["'seq'", "valid: file, folder, parent, q1, q2"],
    ),
    **{
        f"no {field} column": (
            good_rows(), "seq,y", {"reader": {**CSV, field: "seqq"}},
            ["own.csv: ", "'seqq'", f"'{field}'", "did you mean 'seq'?"],
        )
        for field in ("split", "group", "id")
    },
    "label missing": (
        with_row(5, "AAAA, ", with_row(10, "CCCC", good_rows())), "seq,y", {},
        ["own.csv: line 6: ", "label", "2 rows"],
    ),
    **{
        f"label {label}": (
            with_row(3, f"AAAA,{label}", NUMBERS), "seq,y", REGRESSION,
            ["own.csv: line 4: ", f"'{label}'", "type: classification"],
        )
        for label in ("high", "nan", "inf", "1e999")
    },
    "one class": ([f"{word},same" for word in WORDS], "seq,y", {}, ["own.csv: ", "'same'"]),
    "one class left": (
        [f"{word},{'x' if 'T' in word else 'y'}" for word in WORDS], "seq,y",
        {"alphabet": {"kind": "character", "symbols": list("ACG"), "illegal": "drop"}},
        ["'y'", "'illegal'", "'duplicates'"],
    ),
    "class that nobody has": (
        good_rows(), "seq,y", {"labels": ["purine", "pyrimidin"]},
        ["labels", "'pyrimidin'", "purine, pyrimidine"],
    ),
    "class of few rows": (
        after("AAAA,rare", "CCCC,rare", "CCCC,rare"), "seq,y", {},
        ["'rare'", "2 distinct sequences", "'labels'"],
    ),
    "few rows": (["A,1", "C,2"], "seq,y", REGRESSION, ["2 distinct sequences"]),
    "split without train": (
        [row.replace(",train", ",test") for row in split_rows()], "seq,y,s",
        {"reader": OFFICIAL}, ["'s'", "train", "dev, test", "'split'"],
    ),
    "unknown word for a split": (
        with_row(7, "AAAA,purine,holdout", split_rows()), "seq,y,s", {"reader": OFFICIAL},
        ["own.csv: line 8: ", "'holdout'", "'split_names'"],
    ),
    "class without training rows": (
        [*split_rows(), "AAAA,rare,test"], "seq,y,s", {"reader": OFFICIAL},
        ["'rare'", "train", "'unseen_labels: drop'"],
    ),
    "repeated id": (
        [f"{row},n{min(number, 5)}" for number, row in enumerate(good_rows())], "seq,y,name",
        {"reader": {**CSV, "id": "name"}}, ["own.csv: line 8: ", "'n5'", "'id'"],
    ),
    "empty sequence": (
        after(",purine"), "seq,y", {}, ["own.csv: line 66: ", "empty", "1 such", "'illegal: drop'"],
    ),
    "separators alone": (
        [*(f"{';'.join(word)},{class_of(word)}" for word in WORDS), ";;,purine"], "seq,y",
        {"alphabet": {"kind": "separator", "separator": ";"}}, ["own.csv: line 66: ", "empty"],
    ),
    "space inside a k-mer": (
        after("AC GT,purine"), "seq,y", {"alphabet": {"kind": "kmer", "k": 3}},
        ["own.csv: line 66: ", "space", "1 such", "'remove'"],
    ),
    "shorter than a k-mer": (
        after("AC,purine"), "seq,y", {"alphabet": {"kind": "kmer", "k": 3}},
        ["own.csv: line 66: ", "shorter than one symbol"],
    ),
    "illegal symbol": (
        after("ACXZ,purine", "XXX,pyrimidine"), "seq,y", {},
        ["own.csv: line 66: ", "'X' at position 3", "2 such", "'illegal'"],
    ),
    "illegal symbol of a pair": (
        [*pair_rows(), f"{WORDS[0]},AC-T,purine"], "seq,other,y", {"reader": PAIRS},
        ["own.csv: line 66: ", "'-' at position 3"],
    ),
    "empty second sequence": (
        [*pair_rows(), f"{WORDS[0]},,purine"], "seq,other,y", {"reader": PAIRS},
        ["own.csv: line 66: ", "empty"],
    ),
    "no column of a group of several": (
        [f"{row},{row[0]}" for row in good_rows()], "seq,y,h",
        {"reader": {**CSV, "group": ["y", "hh"]}}, ["'hh'", "'group'", "did you mean 'h'?"],
    ),
    "other counts than known": (
        split_rows(), "seq,y,s",
        {"reader": OFFICIAL, "rows": {"train": 48, "dev": 9, "test": 8}},
        ["datasets: own", "'dev': 9", "'dev': 8", "'rows'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_no_records(tmp_path: Path, case: str) -> None:
    rows, header, fields, parts = BAD[case]
    message = refusal(tmp_path, rows, header, **fields)
    assert re.search(".*".join(map(re.escape, parts)), message, re.DOTALL), message


def test_what_an_alphabet_may_do_with_bad_sequences(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, after(",purine"), alphabet={"preset": "dna", "illegal": "drop"})
    assert done.rejected() == {"empty sequence": 1}
    alphabet = {"kind": "kmer", "k": 3, "remove": " "}
    done = prepare_csv(tmp_path, after("AC GT,purine"), alphabet=alphabet)
    assert "ACGT" in set(done.table["sequence"])


def test_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"nowhere' does not exist: check 'path'"):
        prepare(tmp_path / "nowhere", tmp_path / "out")


def test_file_that_changed_since_it_was_fetched(tmp_path: Path) -> None:
    done = prepare_csv(tmp_path, good_rows())
    (tmp_path / "own.csv").write_text("seq,y\n")
    dataset = Dataset.model_validate(
        {"domain": "dna", "source": {"kind": "path", "path": "x"}, "reader": CSV, "alphabet": "dna"}
    )
    with pytest.raises(PolymathError, match=r"own\.csv is damaged .*delete .*manifest\.json"):
        prepare_records("own", dataset, done.manifest, 1, done.records, tmp_path / "card.json")


# Illegal symbols.

ILLEGAL = ["ACXZ,purine", "XXX,pyrimidine"]


def test_illegal_symbols_are_dropped_and_counted(tmp_path: Path) -> None:
    done = prepare_csv(
        tmp_path, [*good_rows(), *ILLEGAL], alphabet={"preset": "dna", "illegal": "drop"}
    )
    assert set(done.table["sequence"]) == set(WORDS)
    [entry] = done.card["rejected"]
    assert (entry["reason"], entry["count"]) == ("symbol outside the alphabet", 2)
    assert [Path(place).name for place in entry["first"]] == [
        "own.csv: line 66",
        "own.csv: line 67",
    ]


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


def test_contradictions_alone_are_refused(tmp_path: Path) -> None:
    lines = ["ACGT,0", "ACGT,1", "ACGT,0"]
    text = refusal(tmp_path, lines, duplicates="drop")
    assert "own.csv: line 2: every sequence is there with different labels" in text


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


def test_known_counts(tmp_path: Path) -> None:
    counts = {"train": 48, "dev": 8, "test": 8}
    done = prepare_csv(tmp_path, split_rows(), "seq,y,s", reader=OFFICIAL, rows=counts)
    assert done.card["splits"] == counts


def test_a_group_of_several_columns(tmp_path: Path) -> None:
    rows = [f"{word},{class_of(word)},{word[0]},{word[1]}" for word in WORDS]
    reader = {**CSV, "group": ["g", "h"]}
    done = prepare_csv(tmp_path, rows, "seq,y,g,h", reader=reader)
    records = done.table
    assert records["group"].nunique() == 16
    assert records.groupby(records["sequence"].str[:2])["group"].nunique().max() == 1
    assert records.groupby("group")["split"].nunique().max() == 1


def test_classes_too_small_for_the_shares_are_noted_with_their_splits(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    labels = ["common"] * 60 + ["rare"] * 4 + ["scarce"] * 7
    rows = [f"{''.join(generator.choice(list('ACGT'), 12))},{label}" for label in labels]
    (tmp_path / "a.csv").write_text("\n".join(["seq,y", *rows]) + "\n")
    notices = prepare(tmp_path / "a.csv", tmp_path / "out").card["notices"]
    (notice,) = (each for each in notices if "macro F1" not in each)
    assert "'rare' (2 train, 1 dev, 1 test)" in notice
    assert "common" not in notice
    assert "scarce" not in notice


def test_classes_that_differ_only_in_case_are_noted_with_a_map_that_joins_them(
    tmp_path: Path,
) -> None:
    labels = ["True", "true", "false", "false", "True", "A", "a"] * 20
    rows = [f"{word},{label}" for word, label in zip(WORDS, labels, strict=False)]

    def notes(**fields: Any) -> list[str]:
        card = prepare_csv(tmp_path, rows, **fields).card
        return [notice for notice in card["notices"] if "only in case" in notice]

    (notice,) = notes()
    assert "'True', 'true'" in notice
    assert """label_map: {"true": "True"}""" in notice
    assert notes(label_map={"true": "True"}) == []
    assert notes(labels=["True", "true"]) == []
