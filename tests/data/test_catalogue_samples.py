"""The tasks of GUE, Genomic Benchmarks, FLIP and chemistry are read from samples of their form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from polymath.data.fetch.fetch import fetch
from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.experiment.sources import HubSource, PathSource, UrlSource
from support import ROOT

ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "resources/datasets.yaml").read_text(encoding="utf-8")
)
GUE = [name for name in ENTRIES if name.endswith("-gue") and ENTRIES[name]["checked"] == "sample"]
BENCHMARKS = [name for name in ENTRIES if name.endswith("-gb")]
FLIP = ["gb1-two-vs-rest", "gb1-three-vs-rest", "gb1-low-vs-high", "aav-two-vs-many"]
ROWS = {"train": 60, "validation": 12, "dev": 12, "test": 12}
ATOMS = ("C", "N", "O", "Cl", "Br", "[nH]", "c1ccccc1", "(C)", "=O")


def sequences(count: int, letters: tuple[str, ...], name: str) -> list[str]:
    generator = np.random.default_rng(len(name))
    return ["".join(generator.choice(letters, 12)) + letters[n % 3] * n for n in range(count)]


def write_table(path: Path, columns: tuple[str, str], letters: tuple[str, ...]) -> None:
    split = next(split for split in ROWS if split in f"{path.parent.name}/{path.name}")
    rows = sequences(ROWS[split], letters, f"{path}")
    table = pd.DataFrame({columns[0]: rows, columns[1]: [n % 2 for n in range(len(rows))]})
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)


def prepare(name: str, folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Prepare the files of a folder as the catalogue's task."""
    source = PathSource(kind="path", path=str(folder / "files"))
    dataset = Dataset.model_validate({**ENTRIES[name], "source": source.model_dump()})
    fetch(source, folder / "manifest.json", 1, lambda _: None)
    records, card = folder / "records.parquet", folder / "card.json"
    table = prepare_records(name, dataset, folder / "manifest.json", 1, records, card, 1)
    return table, json.loads(card.read_text())


@pytest.mark.parametrize("name", [*GUE, *BENCHMARKS, "bbbp"])
def test_files_of_the_hub_are_read_by_their_names(name: str, tmp_path: Path) -> None:
    entry = Dataset.model_validate(ENTRIES[name])
    assert isinstance(entry.source, HubSource)
    columns = {"seq": ("seq", "label"), "smiles": ("smiles", "target")}.get(
        entry.reader.sequence, ("sequence", "label")
    )
    for file in entry.source.files:
        write_table(tmp_path / "files" / file, columns, ATOMS if name == "bbbp" else tuple("ACGT"))
    table, card = prepare(name, tmp_path)
    dev = 6 if name in BENCHMARKS else 12  # a tenth of train, where there is no file of it
    counts = table["split"].value_counts().to_dict()
    assert counts["test"] == 12
    assert counts["dev"] == pytest.approx(dev, abs=1)
    assert sum(counts.values()) == (72 if name in BENCHMARKS else 84)
    assert set(card["labels_by_split"]) == {"0", "1"}


@pytest.mark.parametrize("name", FLIP)
def test_flip_is_a_regression_with_its_own_test_rows(name: str, tmp_path: Path) -> None:
    entry = Dataset.model_validate(ENTRIES[name])
    assert isinstance(entry.source, UrlSource)
    (pattern,) = entry.source.files[0].members
    rows = sequences(50, tuple("ACDEFG"), name)
    table = pd.DataFrame({"sequence": rows, "target": np.linspace(-1, 8, 50),
                          "set": ["train"] * 40 + ["test"] * 10,
                          "validation": [""] * 36 + [True] * 4 + [""] * 10})  # fmt: skip
    path = tmp_path / "files" / pattern.replace("*", "splits/")
    path.parent.mkdir(parents=True)
    table.to_csv(path, index=False)
    prepared, _ = prepare(name, tmp_path)
    assert prepared["split"].value_counts().to_dict() == {"train": 36, "test": 10, "dev": 4}
    assert entry.headline == "spearman"


def test_what_was_not_fetched_says_so_and_is_pinned_or_locked() -> None:
    for name in [*GUE, *BENCHMARKS, *FLIP, "bbbp"]:
        entry = Dataset.model_validate(ENTRIES[name])
        assert "Not fetched here" in entry.notes, name
        assert entry.citation, name
        assert entry.about, name
        if isinstance(entry.source, HubSource):
            assert entry.source.commit or "first fetch is locked" in entry.notes, name
        else:
            assert "locked at the first fetch" in entry.notes, name
