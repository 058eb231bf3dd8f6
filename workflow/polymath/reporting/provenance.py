"""What a run's results were made with, gathered from the metadata of its predictions."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polymath.util.storage import read_metadata


def provenance_of(predictions: Iterable[Path]) -> dict[str, Any]:
    """Return versions, device, seed and precisions of the trained conditions, and their recipes.

    Baselines, which are not trained, say none of it: of these alone the answer is empty.
    """
    found = [read_metadata(path) for path in predictions]
    runs = [run for run in found if "recipe_values" in run]
    if not runs:
        return {}
    made: dict[str, Any] = {"experiment_seed": runs[0]["experiment_seed"]}
    for name in ("device", "processor"):
        made[name] = _all_of(run[name] for run in runs)
    made["versions"] = {
        name: _all_of(run["versions"][name] for run in runs) for name in runs[0]["versions"]
    }
    made["recipes"] = {run["recipe"]: run["recipe_values"] for run in runs}
    made["precisions"] = sorted({run["precision"] for run in runs})
    return made


def _all_of(values: Iterable[str]) -> str:
    """Return what runs were made with, which need not be the same for all."""
    return ", ".join(sorted(set(values)))


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder is at; None outside a repository."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
