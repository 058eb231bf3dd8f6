"""What makes a user's own data easy is found in its records."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from polymath.data.shortcuts import find_shortcuts
from polymath.evaluation.metrics import headline_by_sizes
from polymath.experiment.datasets import PRESETS, SimilarityGroups
from polymath.util.storage import read_json
from support.labelled_words import WORDS
from support.own_data import CSV, prepare_csv

WHOLE = SimilarityGroups(threshold=1)


def shortcuts_of(
    tmp_path: Path, rows: list[str], metric: str = "accuracy", header: str = "seq,y",
    policy: SimilarityGroups = WHOLE, alphabet: str = "dna", **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    records = prepare_csv(tmp_path, rows, header, alphabet=alphabet, **fields).records
    found = find_shortcuts(
        records,
        PRESETS[alphabet],
        policy,
        partial(headline_by_sizes, metric, False),
        tmp_path / "shortcuts.json",
    )
    assert read_json(tmp_path / "shortcuts.json") == found
    return found


@pytest.mark.parametrize(("metric", "constant"), [("accuracy", 0.75), ("mcc", 0.0)])
def test_a_giveaway_is_named_beside_a_constant(
    tmp_path: Path, metric: str, constant: float
) -> None:
    rows = [f"{word},{'yes' if word[0] == 'C' else 'no'}" for word in WORDS]
    found = shortcuts_of(tmp_path, rows, metric)
    assert found["metric"] == metric
    assert found["rule"]["rule"] == "first symbol is C: yes; otherwise no"
    assert found["rule"]["test"] == 1
    assert found["rule"]["majority"] == pytest.approx(constant, abs=0.1)
    assert found["near_neighbours"]["near"] == 0


def test_a_rule_predicts_numbers(tmp_path: Path) -> None:
    rows = [f"{word},{5 if word[-1] == 'C' else number / 99}" for number, word in enumerate(WORDS)]
    rule = shortcuts_of(tmp_path, rows, "pearson", type="regression")["rule"]
    assert rule["rule"].startswith("last symbol is C: 5; otherwise 0.")
    assert rule["majority"] == 0
    assert rule["test"] > 0.9


def test_neighbours_are_those_of_the_policy(tmp_path: Path) -> None:
    rows = [f"{word},{'yes' if word[0] == 'C' else 'no'}" for word in WORDS]
    found = shortcuts_of(tmp_path, rows, policy=SimilarityGroups(threshold=0.6))
    near = found["near_neighbours"]
    assert near["near"] == near["test_rows"] == near["compared_test_rows"] > 0  # one letter apart
    assert (near["measure"], near["threshold"]) == ("identity", 0.6)


def test_a_pair_is_one_sequence(tmp_path: Path) -> None:
    rows = [f"{word},{word[::-1]},{'yes' if word[0] == 'C' else 'no'}" for word in WORDS]
    found = shortcuts_of(tmp_path, rows, header="seq,other,y", reader=CSV | {"sequence2": "other"})
    assert found["rule"]["rule"] == "first symbol is C: yes; otherwise no"


def test_symbols_of_text_are_words(tmp_path: Path) -> None:
    rows = [f"{word[0]}s {word},{word[0] == 'C'}" for word in WORDS]
    found = shortcuts_of(tmp_path, rows, alphabet="model", domain="text")
    assert found["rule"]["rule"] == "first symbol is Cs: True; otherwise False"
