"""Rows to predict: what a file without labels, or without ids, is read as."""

from pathlib import Path
from typing import Any

import pytest

from polymath.data.data_card import RejectedRows
from polymath.data.unlabelled import read_unlabelled
from polymath.experiment.datasets import Dataset
from polymath.util.errors import PolymathError

LINES = {"format": "lines", "pattern": r"(?P<label>\S+) (?P<sequence>.+)"}
CSV = {"format": "csv", "sequence": "seq", "label": "y", "id": "name"}
FASTA = {"format": "fasta", "id": "id",
         "columns": {"header": r"sp\|(?P<id>\w+)\|(?P<label>\w+)"}}  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "text", "ids", "noted"),
    [
        (CSV, "name,seq\na,ACGT\nb,AC\n", ["a", "b"], False),
        (CSV, "seq\nACGT\nAC\n", ["new.csv: row 1", "new.csv: row 2"], True),
        (FASTA, ">sp|Q1|nucleus\nACGT\n>sp|Q2|\nAC\n", ["sp|Q1|nucleus", "sp|Q2|"], True),
        (FASTA, ">sp|Q1|nucleus\nACGT\n>sp|Q2|cell\nAC\n", ["Q1", "Q2"], False),
        (FASTA, ">Q1\nACGT\n>Q2\nAC\n", ["Q1", "Q2"], True),
        (FASTA, ">same\nACGT\n>same\nAC\n", ["new.fasta: record 1", "new.fasta: record 2"], True),
    ],
)
def test_rows_to_predict_need_no_ids(
    reader: dict[str, Any], text: str, ids: list[str], noted: bool, tmp_path: Path
) -> None:
    path, rejected = tmp_path / f"new.{reader['format']}", RejectedRows()
    path.write_text(text)
    dataset = Dataset.model_validate({"domain": "dna", "reader": reader, "alphabet": "dna",
                                      "source": {"kind": "path", "path": str(path)}}
    )  # fmt: skip
    table = read_unlabelled(dataset, [path], rejected, ["cell", "nucleus"])
    assert list(table["id"]) == ids
    assert list(table["sequence"]) == ["ACGT", "AC"]
    assert bool(rejected.notices) is noted


@pytest.mark.parametrize(
    ("lines", "fields", "classes", "refused"),
    [
        ("pos good\npos not bad\n", {}, ["neg", "pos"], ""),
        ("such a film\nnot good at all\n", {}, ["neg", "pos"], "line 1: 'such' stands"),
        ("p good\n", {"label_map": {"p": "pos", "n": "neg"}}, ["neg", "pos"], ""),
        ("1.5 good\n", {"type": "regression"}, [], ""),
        ("a good film\n", {"type": "regression"}, [], "line 1: 'a' stands"),
    ],
)
def test_lines_to_predict_need_a_label_where_the_pattern_takes_one(
    lines: str, fields: dict[str, Any], classes: list[str], refused: str, tmp_path: Path
) -> None:
    path = tmp_path / "new.txt"
    path.write_text(lines)
    dataset = Dataset.model_validate({"domain": "text", "reader": LINES, "alphabet": "model",
                                      "source": {"kind": "path", "path": str(path)}, **fields}
    )  # fmt: skip
    if refused:
        with pytest.raises(PolymathError, match=refused):
            read_unlabelled(dataset, [path], RejectedRows(), classes)
    else:
        table = read_unlabelled(dataset, [path], RejectedRows(), classes)
        assert table["sequence"].iloc[0] == "good"


def test_a_line_to_predict_whose_first_word_may_be_any_label_is_noted(tmp_path: Path) -> None:
    path, rejected = tmp_path / "new.txt", RejectedRows()
    path.write_text("the unit is up\n")
    dataset = Dataset.model_validate({"domain": "text", "reader": LINES, "alphabet": "model",
                                      "source": {"kind": "path", "path": str(path)},
                                      "label_map": {"-": "normal", "*": "anomaly"}})  # fmt: skip
    table = read_unlabelled(dataset, [path], rejected, ["anomaly", "normal"])
    assert table["sequence"].iloc[0] == "unit is up"
    assert "'the' is left out as the label" in rejected.notices[0]
