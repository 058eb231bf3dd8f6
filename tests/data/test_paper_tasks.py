"""Every task of the paper is read as its catalogue entry says, from samples in the files' form."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from generate.dataset_page import dataset_page
from polymath.experiment.datasets import Dataset
from polymath.experiment.sources import HubSource, UrlSource
from polymath.util.errors import PolymathError
from support.catalogue import CATALOGUE, ENTRIES, prepare_sample
from support.music import write_midi

PAIRS = {"mrpc", "qqp", "stsb", "mnli-m", "mnli-mm", "qnli", "rte"}
GLUE = {"cola", "sst2", *PAIRS}
# As GLUE scores them; of two measures, the first that its paper names but for MRPC and QQP.
HEADLINES = {
    "cola": "mcc", "sst2": "accuracy", "mrpc": "f1", "qqp": "f1", "stsb": "spearman",
    "mnli-m": "accuracy", "mnli-mm": "accuracy", "qnli": "accuracy", "rte": "accuracy",
}  # fmt: skip


def refusal(task: str, folder: Path, **changes: Any) -> str:
    with pytest.raises(PolymathError) as caught:
        prepare_sample(task, folder, **changes)
    return str(caught.value).replace(f"{folder}/", "")


def words(count: int, letters: str, length: int, seed: int = 0) -> list[str]:
    """Return distinct random sequences."""
    drawn = np.random.default_rng(seed).choice(list(letters), (count, length))
    sequences = ["".join(row) for row in drawn]
    assert len(set(sequences)) == count
    return sequences


# GLUE: Parquet with whole numbers for classes, and -1 for what is hidden.


def write_glue(task: str, folder: Path, test_labels: list[Any] | None = None) -> None:
    """Write files of the names and columns that the entry reads: 40 to train, 9 to test."""
    entry = Dataset.model_validate(ENTRIES[task])
    assert isinstance(entry.source, HubSource)
    columns = [entry.reader.sequence, *([entry.reader.sequence2] if task in PAIRS else [])]
    for name, count in zip(entry.source.files, (40, 9), strict=True):
        numbers = range(count)
        table = pd.DataFrame({c: [f"{c} {name} {n} said" for n in numbers] for c in columns})
        classes = len(entry.labels or ())
        table["label"] = [n % classes if classes else n / 8 for n in numbers]
        if count == 9 and test_labels:
            table["label"] = test_labels
        table["idx"] = np.arange(count)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path)


@pytest.mark.parametrize("task", sorted(GLUE))
def test_glue(task: str, tmp_path: Path) -> None:
    write_glue(task, tmp_path / "raw")
    done = prepare_sample(task, tmp_path / "raw")
    table, card = done.table, done.card
    assert card["splits"]["test"] == 9
    assert card["splits"]["train"] + card["splits"]["dev"] == 40
    assert card["splits"]["dev"] >= 1
    assert ("sequence2" in table) == (task in PAIRS)
    tests = table[table["split"] == "test"]
    assert tests["sequence"].str.contains("validation").all()
    if task == "stsb":
        assert sorted(tests["label"]) == [n / 8 for n in range(9)]
    else:
        assert set(table["label"]) == set(ENTRIES[task]["labels"])
    assert Dataset.model_validate(ENTRIES[task]).headline == HEADLINES[task]


def test_glue_rows_with_hidden_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    write_glue("rte", tmp_path / "raw", [0, 1, -1, -1, -1, 0, 1, 0, 1])
    done = prepare_sample("rte", tmp_path / "raw")
    assert done.rejected() == {"class not asked for": 3}
    assert done.card["splits"]["test"] == 6
    assert set(done.table["label"]) == {"0", "1"}


@pytest.mark.parametrize("task", sorted(PAIRS))
def test_glue_leaves_out_a_training_pair_of_the_test_rows_but_no_single_sentence(
    task: str, tmp_path: Path
) -> None:
    entry = Dataset.model_validate(ENTRIES[task])
    assert isinstance(entry.source, HubSource)
    classes = len(entry.labels or ())
    for name, numbers in zip(entry.source.files, (range(60), range(58, 70)), strict=True):
        columns = {
            str(entry.reader.sequence): ["One sentence for all."] * len(numbers),
            str(entry.reader.sequence2): [f"Another one, {number}." for number in numbers],
            "label": [number % classes if classes else number / 16 for number in numbers],
            "idx": list(numbers),
        }
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns).to_parquet(tmp_path / "raw" / name)
    done = prepare_sample(task, tmp_path / "raw")
    splits = done.card["splits"]
    assert done.rejected() == {"same sequence or group as a test row": 2}
    assert splits["train"] + splits["dev"] == 58
    assert splits["test"] == 12
    assert (done.table.groupby(["sequence", "sequence2"])["split"].nunique() == 1).all()


# DeepLoc: a FASTA file whose header has accession, place with a mark, and for some `test`.


def write_deeploc(folder: Path, places: dict[str, int], tail: str = "") -> None:
    folder.mkdir()
    sequences = iter(words(sum(places.values()), "ACDEFGHIKLMNPQRSTVWY", 40))
    lines: list[str] = []
    for place, count in places.items():
        for number in range(count):
            mark = " test" if number == 0 else ""
            sequence = next(sequences)
            lines += [f">Q{len(lines):05d} {place}{mark}", sequence[:30], sequence[30:]]
    (folder / "deeploc_data.fasta").write_text("\n".join(lines) + "\n" + tail)


PLACES = {f"{place}-{mark}": 4 for place, mark in zip(
    ENTRIES["localization"]["labels"], "MSUMSUMSUM", strict=True
)}  # fmt: skip


def test_deeploc(tmp_path: Path) -> None:
    write_deeploc(
        tmp_path / "raw",
        {**PLACES, "Cytoplasm-Nucleus-U": 3},
        ">B1 Cytoplasm-S\nMKUBZX\n",
    )
    done = prepare_sample("localization", tmp_path / "raw")
    table, card = done.table, done.card
    assert done.rejected() == {"class not asked for": 3}
    assert card["labels"] == ENTRIES["localization"]["labels"]
    assert card["splits"] == {"train": 21, "dev": 10, "test": 10}
    assert card["rows_with_replaced_symbols"] == 1
    assert table.loc[table["label"] == "Lysosome/Vacuole", "split"].value_counts()["test"] == 1
    assert "MKXXXX" in set(table["sequence"])


def test_deeploc_place_without_its_mark(tmp_path: Path) -> None:
    write_deeploc(tmp_path / "raw", PLACES, ">B1 Cytoplasm test\nMKL\n")
    text = refusal("localization", tmp_path / "raw")
    assert text.startswith("datasets: localization: deeploc_data.fasta: record 41: ")
    assert "'B1 Cytoplasm test'" in text


# TAPE: JSON lists of objects, the label a list of one.


def write_tape(folder: Path, task: str, column: str, counts: dict[str, int]) -> list[str]:
    sequences = words(sum(counts.values()), "ACDEFGHIKLMNPQRSTVWY", 43)
    unused = iter(sequences)
    (folder / task).mkdir(parents=True)
    for split, count in counts.items():
        rows = [
            {"id": f"{split}_{n}.pdb", "primary": next(unused), "protein_length": 43,
             column: [n / 8 - 1], "topology": None}
            for n in range(count)
        ]  # fmt: skip
        (folder / task / f"{task}_{split}.json").write_text(json.dumps(rows))
    return sequences


@pytest.mark.parametrize(
    ("task", "column"), [("stability", "stability_score"), ("fluorescence", "log_fluorescence")]
)
def test_tape(task: str, column: str, tmp_path: Path) -> None:
    counts = {"train": 20, "valid": 5, "test": 7}
    sequences = write_tape(tmp_path / "raw", task, column, counts)
    rows = {"train": 20, "dev": 5, "test": 7}
    done = prepare_sample(task, tmp_path / "raw", rows=rows)
    table = done.table
    assert done.card["splits"] == rows
    assert sorted(table["sequence"]) == sorted(sequences)
    first = table[table["id"] == f"{task}_train.json: row 3"].iloc[0]
    assert (first["sequence"], first["label"], first["split"]) == (sequences[2], -0.75, "train")


def test_counts_other_than_the_catalogues_are_refused(tmp_path: Path) -> None:
    counts = {"train": 20, "valid": 5, "test": 7}
    write_tape(tmp_path / "raw", "stability", "stability_score", counts)
    message = refusal("stability", tmp_path / "raw")
    assert message.startswith("datasets: stability: rows: expected {'train': 53583, 'dev': 2512, ")
    assert "{'train': 20, 'dev': 5, 'test': 7}" in message


# Yeast histones: three lines a row.


@pytest.mark.parametrize("task", ["h3", "h4", "h3k9ac"])
def test_histones(task: str, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    sequences = words(60, "ACGT", 500)
    text = "".join(f">chr{n % 3}_{n} \r\n{s}\r\n{n % 2}\r\n" for n, s in enumerate(sequences))
    (tmp_path / "raw/dataset.txt").write_bytes(text.encode())
    done = prepare_sample(task, tmp_path / "raw")
    table, card = done.table, done.card
    assert card["splits"] == {"train": 56, "dev": 2, "test": 2}  # one of each class of 30
    assert sorted(table["sequence"]) == sorted(sequences)
    assert Counter(table["label"]) == {"0": 30, "1": 30}
    assert card["length"]["min"] == card["length"]["max"] == 500


# UCI splice: class, name and bases with commas and spaces between.


def test_uci_splice(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    sequences = [*words(89, "ACGT", 60), "N" * 29 + "DRS" + "A" * 28]
    classes = ["EI", "IE", "N"] * 30
    (tmp_path / "raw/splice.data").write_text(
        "".join(
            f"{label + ',':<7}{f'GENE-DONOR-{n},':>30}{sequence:>80}\n"
            for n, (label, sequence) in enumerate(zip(classes, sequences, strict=True))
        )
    )
    done = prepare_sample("splice-uci", tmp_path / "raw")
    table = done.table
    assert Counter(table["label"]) == {"EI": 30, "IE": 30, "N": 30}
    assert set(sequences[:-1]) < set(table["sequence"])
    assert "N" * 32 + "A" * 28 in set(table["sequence"])
    assert done.card["rows_with_replaced_symbols"] == 1


# MAESTRO: folders by year, and a table that names files with their folders.


def write_maestro(folder: Path, task: str) -> None:
    entry = ENTRIES[task]
    root = folder / entry["reader"]["metadata"].removesuffix(".csv")
    rows = [  # composer, title, split, year; two years have files of one name
        ("Bach", "Prelude in C", "train", 2004),
        ("Bach", "Prelude in C", "train", 2006),
        ("Bach", "Sonata", "test", 2008),
        ("Bach", "Fugue", "validation", 2009),
        ("Chopin", "Sonata", "train", 2004),
        ("Chopin", "Etude", "test", 2006),
        ("Chopin", "Étude, \"Op. 10\"", "validation", 2006),
        ("Liszt", "Sonata", "train", 2004),
        ("Liszt", "Etude", "test", 2009),
        ("Alban Berg", "Sonata Op. 1", "test", 2011),
        ("Orlando Gibbons", "Pavane", "validation", 2011),
    ]  # fmt: skip
    names = [f"{year}/MIDI-Unprocessed_{n // 2:02d}.midi" for n, (*_, year) in enumerate(rows)]
    for number, name in enumerate(names):
        write_midi(root / name, [(40 + number, 0, 1), (41 + number, 1, 2)])
    table = pd.DataFrame(
        rows, columns=["canonical_composer", "canonical_title", "split", "year"]
    ).assign(midi_filename=names, audio_filename=[n.replace("midi", "wav") for n in names])
    table.to_csv(root / entry["reader"]["metadata"], index=False)


@pytest.mark.parametrize("task", ["maestro-v1", "maestro-v3"])
def test_maestro(task: str, tmp_path: Path) -> None:
    write_maestro(tmp_path / "raw", task)
    done = prepare_sample(task, tmp_path / "raw")
    table, card = done.table, done.card
    assert done.rejected() == {"class without a training row": 2}
    assert card["labels"] == ["Bach", "Chopin", "Liszt"]
    assert card["splits"] == {"train": 4, "dev": 2, "test": 3}
    of_row = dict(zip(table["sequence"], table["label"], strict=True))
    assert of_row["40 41"] == of_row["41 42"] == "Bach"
    assert of_row["44 45"] == "Chopin"
    groups = dict(zip(table["sequence"], table["group"], strict=True))
    assert groups["40 41"] == groups["41 42"]  # one piece, played twice
    assert len(set(groups.values())) == 8  # sonatas of several composers are several pieces


def test_a_class_without_a_training_row_is_an_error_unless_asked(tmp_path: Path) -> None:
    write_maestro(tmp_path / "raw", "maestro-v3")
    text = refusal("maestro-v3", tmp_path / "raw", unseen_labels="error")
    assert text.startswith("datasets: maestro-v3: maestro-v3.0.0/2011/MIDI-Unprocessed_04.midi: ")
    assert "'Alban Berg' has no row in train" in text
    assert "'unseen_labels: drop'" in text


# The catalogue and its page.


def test_every_task_of_the_paper_is_in_the_catalogue() -> None:
    others = {"localization", "stability", "fluorescence", "h3", "h4", "h3k9ac", "splice",
              "splice-uci", "maestro-v1", "maestro-v3"}  # fmt: skip
    assert set(ENTRIES) >= GLUE | others


@cache
def page_of_tasks() -> str:
    """Return the generated page, made once."""
    return dataset_page(CATALOGUE)


@pytest.mark.parametrize("task", ENTRIES)
def test_every_entry_says_what_a_reader_of_the_page_wants_to_know(task: str) -> None:
    entry = Dataset.model_validate(ENTRIES[task])
    assert all((entry.title, entry.citation, entry.notes, entry.licence, entry.checked))
    if isinstance(entry.source, UrlSource):
        wanted = [pattern for file in entry.source.files for pattern in file.members]
        assert entry.reader.metadata is None or any(name.endswith(".csv") for name in wanted)
    section = page_of_tasks().split(f"\n## {task}\n")[1].split("\n## ")[0]
    assert " ".join(entry.notes.split()) in section
    assert entry.citation in section
