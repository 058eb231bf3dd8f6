"""The data card counts and notes what a table has, and a table says what it is of."""

from pathlib import Path
from typing import Any

import numpy as np

from polymath.data.fetch.manifest import Manifest
from polymath.util.storage import read_metadata
from support.labelled_words import WORDS, class_of, good_rows
from support.own_data import prepare, prepare_csv


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
