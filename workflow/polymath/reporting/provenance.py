"""What a run's results were made with, gathered from the metadata of its predictions."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polymath.util.machine import distinct

# Facts of a machine that every result should have.
MACHINE_FACTS = ("device", "processor", "instructions", "threads", "os", "python", "numpy",
                 "torch", "transformers")  # fmt: skip
NOT_RECORDED = "not recorded"


def provenance_of(runs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the seed, recipes and precisions of the trained conditions, and all machines that
    trained one of their replicates.

    Baselines are not trained: of these alone the result is empty.

    Args:
        runs: the metadata of each condition's predictions.
    """
    trained = [run for run in runs if "recipe_values" in run]
    if not trained:
        return {}
    return {
        "experiment_seed": trained[0]["experiment_seed"],
        "machines": distinct(machine for run in trained for machine in machines_of(run)),
        "recipes": {run["recipe"]: run["recipe_values"] for run in trained},
        "precisions": sorted({run["precision"] for run in trained}),
    }


def contents_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return digests of each task's raw files, with its classes, and of each model's files.

    Args:
        runs: as of `provenance_of`.
    """
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


def machines_of(run: Mapping[str, Any]) -> list[dict[str, Any]]:
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
