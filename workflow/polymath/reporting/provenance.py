"""What a run's results were made with, gathered from the metadata of its predictions."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polymath.util.machine import distinct
from polymath.util.storage import read_metadata

# Facts of a machine that every result should have.
MACHINE_FACTS = ("device", "processor", "instructions", "threads", "os", "python", "numpy",
                 "torch", "transformers")  # fmt: skip
NOT_RECORDED = "not recorded"


def provenance_of(predictions: Iterable[Path]) -> dict[str, Any]:
    """Return the seed, recipes and precisions of the trained conditions, and all machines that
    trained one of their replicates.

    Baselines are not trained: of these alone the result is empty.
    """
    runs = [run for run in map(read_metadata, predictions) if "recipe_values" in run]
    if not runs:
        return {}
    return {
        "experiment_seed": runs[0]["experiment_seed"],
        "machines": distinct(machine for run in runs for machine in machines_of(run)),
        "recipes": {run["recipe"]: run["recipe_values"] for run in runs},
        "precisions": sorted({run["precision"] for run in runs}),
    }


def contents_of(predictions: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return digests of each task's raw files, with its classes, and of each model's files."""
    runs = [*map(read_metadata, predictions)]
    return {
        "data": {
            run["task"]: {"sha256": run["source_sha256"], "labels": run.get("labels")}
            for run in runs
            if "source_sha256" in run
        },
        "models": {
            run["model"]: {"sha256": run["model_sha256"]} for run in runs if "model_sha256" in run
        },
    }


def machines_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the machines that a run's metadata names, with a text for each fact they lack.

    Runs from before machines were recorded have at most a device, the number of threads, the
    processor's architecture, and the versions of two packages.
    """
    older: dict[str, Any] = {name: run[name] for name in ("device", "threads") if name in run}
    if "processor" in run:
        older["processor"] = f"{run['processor']} (model {NOT_RECORDED})"
    machines = run.get("machines") or [older | run.get("versions", {})]
    return [dict.fromkeys(MACHINE_FACTS, NOT_RECORDED) | machine for machine in machines]


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder is at; None outside a repository."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
