"""The tasks of GUE, Genomic Benchmarks, FLIP and chemistry are read from samples of their form."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymath.experiment.datasets import Dataset
from polymath.experiment.sources import HubSource, UrlSource
from support.catalogue import ENTRIES, prepare_sample

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


@pytest.mark.parametrize("name", [*GUE, *BENCHMARKS, "bbbp"])
def test_files_of_the_hub_are_read_by_their_names(name: str, tmp_path: Path) -> None:
    entry = Dataset.model_validate(ENTRIES[name])
    assert isinstance(entry.source, HubSource)
    columns = {"seq": ("seq", "label"), "smiles": ("smiles", "target")}.get(
        entry.reader.sequence, ("sequence", "label")
    )
    for file in entry.source.files:
        write_table(tmp_path / "files" / file, columns, ATOMS if name == "bbbp" else tuple("ACGT"))
    card = prepare_sample(name, tmp_path / "files").card
    dev = 6 if name in BENCHMARKS else 12  # a tenth of train, where there is no file of it
    counts = card["splits"]
    assert counts["test"] == 12
    assert counts["dev"] == pytest.approx(dev, abs=1)
    assert sum(counts.values()) == (72 if name in BENCHMARKS else 84)
    assert set(card["labels_by_split"]) == {"0", "1"}


@pytest.mark.parametrize("task", ["h3-gue", "h4-gue", "h3k9ac-gue"])
def test_gue_keeps_its_split_and_no_sequence_on_two_sides(task: str, tmp_path: Path) -> None:
    entry = Dataset.model_validate(ENTRIES[task])
    assert isinstance(entry.source, HubSource)
    starts = {"train.csv": (0, 80), "dev.csv": (80, 90), "test.csv": (89, 100)}  # 89 is in both
    assert [Path(file).name for file in entry.source.files] == list(starts)
    for file in entry.source.files:
        numbers = range(*starts[Path(file).name])
        rows = [f"{number:07b}".replace("0", "A").replace("1", "C") for number in numbers]
        path = tmp_path / "files" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame({"sequence": rows, "label": [number % 2 for number in numbers]})
        table.to_csv(path, index=False)
    done = prepare_sample(task, tmp_path / "files")
    assert done.card["splits"] == {"train": 80, "dev": 9, "test": 11}
    assert done.card["labels"] == ["0", "1"]
    assert done.rejected() == {"same sequence or group as a test row": 1}


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
    card = prepare_sample(name, tmp_path / "files").card
    assert card["splits"] == {"train": 36, "dev": 4, "test": 10}
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
