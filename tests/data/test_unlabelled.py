"""Rows to predict: what a file without labels, or without ids, is read as."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.data.data_card import RejectedRows
from polymath.data.unlabelled import read_unlabelled
from polymath.experiment.datasets import Dataset
from polymath.util.errors import PolymathError
from support.own_data import write

LINES = {"format": "lines", "pattern": r"(?P<label>\S+) (?P<sequence>.+)"}
CSV = {"format": "csv", "sequence": "seq", "label": "y", "id": "name"}
FASTA = {"format": "fasta", "id": "id",
         "columns": {"header": r"sp\|(?P<id>\w+)\|(?P<label>\w+)"}}  # fmt: skip


def read_new(
    path: Path, text: str, reader: dict[str, Any], classes: list[str], **fields: Any
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows to predict of a file, and what was noted of them."""
    dataset = {"domain": "dna", "reader": reader, "alphabet": "dna",
               "source": {"kind": "path", "path": str(path)}, **fields}  # fmt: skip
    rejected = RejectedRows()
    table = read_unlabelled(Dataset.model_validate(dataset), [write(path, text)], rejected, classes)
    return table, rejected.notices


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
    path = tmp_path / f"new.{reader['format']}"
    table, notices = read_new(path, text, reader, ["cell", "nucleus"])
    assert list(table["id"]) == ids
    assert list(table["sequence"]) == ["ACGT", "AC"]
    assert bool(notices) is noted


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
    arguments = (tmp_path / "new.txt", lines, LINES, classes)
    if refused:
        with pytest.raises(PolymathError, match=refused):
            read_new(*arguments, alphabet="model", **fields)
    else:
        table, _ = read_new(*arguments, alphabet="model", **fields)
        assert table["sequence"].iloc[0] == "good"


def test_a_line_to_predict_whose_first_word_may_be_any_label_is_noted(tmp_path: Path) -> None:
    table, notices = read_new(
        tmp_path / "new.txt", "the unit is up\n", LINES, ["anomaly", "normal"],
        alphabet="model", label_map={"-": "normal", "*": "anomaly"},
    )  # fmt: skip
    assert table["sequence"].iloc[0] == "unit is up"
    assert "'the' is left out as the label" in notices[0]
