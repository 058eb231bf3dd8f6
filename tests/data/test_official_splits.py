"""Official splits of the catalogue's tasks are kept, but for rows that stand on two sides."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from polymath.data.fetch.manifest import Manifest
from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.experiment.sources import HubSource
from polymath.util.storage import read_json, read_table
from support import ROOT

CATALOGUE = yaml.safe_load((ROOT / "resources/datasets.yaml").read_text(encoding="utf-8"))
GUE = ["h3-gue", "h4-gue", "h3k9ac-gue"]
PAIRS = ["mrpc", "qqp", "stsb", "mnli-m", "mnli-mm", "qnli", "rte"]


def hub_files(task: str) -> tuple[Dataset, tuple[str, ...]]:
    entry = Dataset.model_validate(CATALOGUE[task])
    assert isinstance(entry.source, HubSource)
    return entry, entry.source.files


def prepare(task: str, files: dict[str, pd.DataFrame], raw: Path) -> tuple[pd.DataFrame, Any]:
    """Write tables as a fetch would leave them, and prepare them as the entry says."""
    for name, table in files.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".csv"):
            table.to_csv(raw / name, index=False)
        else:
            table.to_parquet(raw / name)
    paths = [raw / name for name in files]
    Manifest.of(raw / "manifest.json", {"kind": "hub"}, paths).write()
    entry, _ = hub_files(task)
    prepare_records(task, entry, raw / "manifest.json", 1, raw / "r.parquet", raw / "card.json")
    return read_table(raw / "r.parquet"), read_json(raw / "card.json")


def rejected(card: dict[str, Any]) -> dict[str, int]:
    return {entry["reason"]: entry["count"] for entry in card["rejected"]}


@pytest.mark.parametrize("task", GUE)
def test_gue_keeps_its_split_and_no_sequence_on_two_sides(task: str, tmp_path: Path) -> None:
    _, names = hub_files(task)
    assert [Path(name).name for name in names] == ["train.csv", "dev.csv", "test.csv"]
    starts = {"train": (0, 80), "dev": (80, 90), "test": (89, 100)}  # number 89 is in both
    files = {}
    for name in names:
        numbers = range(*starts[Path(name).stem])
        sequences = [f"{number:07b}".replace("0", "A").replace("1", "C") for number in numbers]
        labels = [number % 2 for number in numbers]
        files[name] = pd.DataFrame({"sequence": sequences, "label": labels})
    _, card = prepare(task, files, tmp_path)
    assert card["splits"] == {"train": 80, "dev": 9, "test": 11}
    assert card["labels"] == ["0", "1"]
    assert rejected(card) == {"same sequence or group as a test row": 1}


@pytest.mark.parametrize("task", PAIRS)
def test_glue_leaves_out_a_training_pair_of_the_test_rows_but_no_single_sentence(
    task: str, tmp_path: Path
) -> None:
    entry, names = hub_files(task)
    classes = len(entry.labels or ())
    files = {}
    for name, numbers in zip(names, (range(60), range(58, 70)), strict=True):
        label = [number % classes if classes else number / 16 for number in numbers]
        files[name] = pd.DataFrame(
            {
                str(entry.reader.sequence): ["One sentence for all."] * len(numbers),
                str(entry.reader.sequence2): [f"Another one, {number}." for number in numbers],
                "label": label,
                "idx": list(numbers),
            }
        )
    table, card = prepare(task, files, tmp_path)
    assert rejected(card) == {"same sequence or group as a test row": 2}
    assert card["splits"]["train"] + card["splits"]["dev"] == 58
    assert card["splits"]["test"] == 12
    assert (table.groupby(["sequence", "sequence2"])["split"].nunique() == 1).all()
