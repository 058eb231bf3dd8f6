"""A user's own files: written, read, and fetched and prepared as the workflow does it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.data.fetch.fetch import fetch
from polymath.data.readers import ReadingNotes, read_rows
from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.experiment.reader import Reader
from polymath.experiment.sources import PathSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, read_table

CSV = {"format": "csv", "sequence": "seq", "label": "y"}
REGRESSION: dict[str, Any] = {"type": "regression", "metric": "spearman"}


@dataclass(frozen=True)
class Prepared:
    """What one call of prepare_records left behind."""

    table: pd.DataFrame
    card: dict[str, Any]
    records: Path
    manifest: Path

    def labels(self) -> dict[str, Any]:
        return dict(zip(self.table["sequence"], self.table["label"], strict=True))

    def splits(self, sequence: str) -> set[str]:
        return set(self.table.loc[self.table["sequence"] == sequence, "split"])

    def rejected(self) -> dict[str, int]:
        return {entry["reason"]: entry["count"] for entry in self.card["rejected"]}


def own(path: Path) -> PathSource:
    return PathSource(kind="path", path=str(path))


def prepare(source: Path, out: Path, seed: int = 1, task: str = "own", **fields: Any) -> Prepared:
    dataset = Dataset.model_validate(
        {
            "domain": "dna",
            "source": {"kind": "path", "path": str(source)},
            "reader": CSV,
            "alphabet": "dna",
            **fields,
        }
    )
    assert isinstance(dataset.source, PathSource)
    manifest = out / "raw" / "manifest.json"
    fetch(dataset.source, manifest, 1, lambda _: None)
    records, card = out / "records.parquet", out / "card.json"
    prepare_records(task, dataset, manifest, seed, records, card)
    return Prepared(read_table(records), read_json(card), records, manifest)


def prepare_csv(tmp_path: Path, lines: list[str], header: str = "seq,y", **fields: Any) -> Prepared:
    path = tmp_path / "own.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return prepare(path, tmp_path / "out", **fields)


def refusal(tmp_path: Path, lines: list[str], header: str = "seq,y", **fields: Any) -> str:
    """Return the error's message, paths relative to the test's folder; nothing was written."""
    with pytest.raises(PolymathError) as caught:
        prepare_csv(tmp_path, lines, header, **fields)
    assert not list((tmp_path / "out").glob("*.*"))
    return str(caught.value).replace(f"{tmp_path}/", "")


def read(path: Path, notes: ReadingNotes | None = None, **reader: Any) -> pd.DataFrame:
    return read_rows([path], Reader.model_validate(reader), notes=notes)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
