"""Bad input: the message names the place, the value and what to change, or rows are left out."""

import re
from pathlib import Path
from typing import Any

import pytest

from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.util.errors import PolymathError
from support.labelled_words import (
    OFFICIAL,
    PAIRS,
    WORDS,
    class_of,
    good_rows,
    pair_rows,
    split_rows,
)
from support.own_data import CSV, REGRESSION, prepare, prepare_csv, refusal


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
