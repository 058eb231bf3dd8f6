"""The catalogue's data sets, and samples of their files prepared as an entry says."""

from pathlib import Path
from typing import Any

import yaml

from support import ROOT
from support.own_data import Prepared, prepare

CATALOGUE = ROOT / "resources/datasets.yaml"
ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))


def prepare_sample(task: str, folder: Path, **changes: Any) -> Prepared:
    """Prepare the files of a folder as the catalogue's task."""
    fields = {key: value for key, value in ENTRIES[task].items() if key != "source"} | changes
    return prepare(folder, folder.with_name(f"{folder.name}-out"), task=task, **fields)
