"""What it costs that results are checked: python tests/benchmarks/checks.py [--results results]

All checks of a finished run of the default experiment are made once more, as a first run makes
them, on a copy of its results: each start of Snakemake compares all results with the
configuration; each job states what it is made from and checks the files that it reads; scoring
compares predictions with the configuration; training hashes each checkpoint. Their computing time,
the reading of what is checked included, is divided by that of the run's training jobs alone, so
that the share is an upper bound. `--json FILE` keeps the figures.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from command import ROOT, run

from polymath.data.fetch.local import changed_sources
from polymath.data.fetch.manifest import CHECKED, Manifest
from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.requests import Request, Requests
from polymath.planning.stale import Comparison
from polymath.util.identity import describe, paths_in, require_made_from
from polymath.util.runtime import read_runtime
from polymath.util.storage import read_table, sha256_of

STARTS = 2  # of Snakemake by `make run`: the run, and Snakemake's own report
# A checkpoint holds the weights and two moments of each for the optimiser, at most.
CHECKPOINT = 3


class Timer:
    """Computing time of this process, by what it was spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def add_to(self, what: str) -> Iterator[None]:
        """Add what the block takes."""
        begun = time.process_time()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - begun


def compare_results(requests: Requests) -> None:
    """Compare all results with the configuration, as each start of Snakemake does.

    Raises:
        SystemExit: if predictions differ, so that the figures would be those of another run.
    """
    conditions = expand_conditions(requests.experiment)
    stale = [*changed_sources(requests), *Comparison().find_stale(requests.all(conditions))]
    for path, reason in stale:
        if path.is_relative_to(requests.paths.runs):
            raise SystemExit(f"not results of this configuration: {path}: {reason}")


def check_inputs(request: Request) -> None:
    """State what a job's result is made from, and check the files that it reads."""
    describe(request.asked, request.inputs)
    for path in [path for files in request.inputs.values() for path in paths_in(files)]:
        if path.suffix == ".parquet":
            read_table(path)
        elif path.name == "manifest.json":
            Manifest.read(path).locate_all()


def hash_checkpoints(requests: Requests, seconds: float) -> None:
    """Hash as many bytes as the checkpoints of so many seconds of training have, at most."""
    weights = max(
        (path for name in requests.experiment.models
         for path in Manifest.read(requests.paths.model_manifest(name)).locate_all()),
        key=lambda path: path.stat().st_size,
    )  # fmt: skip
    for _ in range(CHECKPOINT * int(seconds / read_runtime().checkpoint_seconds + 1)):
        sha256_of(weights)


def make_checks(requests: Requests, training_seconds: float) -> dict[str, float]:
    """Make all checks of a run; return the computing time of each kind."""
    conditions = expand_conditions(requests.experiment)
    timer = Timer()
    for _ in range(STARTS):
        with timer.add_to("results compared with the configuration at each start"):
            compare_results(requests)
    for request in requests.all(conditions):
        with timer.add_to("inputs of jobs"):
            check_inputs(request)
    with timer.add_to("checksums of files that are written"):
        for path in requests.paths.root.rglob("*.parquet"):
            read_table(path)
        for manifest, _ in requests.fetched():
            for file in Manifest.read(manifest).files:
                sha256_of(manifest.parent / file.path)
    with timer.add_to("predictions and curves compared when they are scored"):
        for condition in conditions:
            for path in (requests.paths.predictions(condition), requests.paths.curves(condition)):
                require_made_from(path, requests.training(condition))
    with timer.add_to("checksums of checkpoints"):
        hash_checkpoints(requests, training_seconds)
    return timer.seconds


def measure(results: Path, config: Path = ROOT / "config.yaml") -> dict[str, Any]:
    """Make the checks on a copy of a finished run's results; return what they and training cost."""
    jobs = pd.concat(
        pd.read_csv(path, sep="\t") for path in (results / "benchmarks/finetune").iterdir()
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "results")
        shutil.copytree(results, copy)
        for checked in copy.rglob(CHECKED):
            checked.unlink()  # a first run has hashed nothing yet
        asked = read_config(config) | {"results": str(copy)}
        requests = Requests(load_experiment(asked, ROOT / "resources"))
        return {
            "checks": make_checks(requests, float(jobs["s"].sum())),
            "training_cpu_seconds": float(jobs["cpu_time"].sum()),
        }


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as a table and a sentence."""
    training, checks = figures["training_cpu_seconds"], figures["checks"]
    rows = [
        f"| {what} | {seconds:.2f} | {seconds / training:.3%} |"
        for what, seconds in sorted(checks.items(), key=lambda row: -row[1])
    ]
    total = sum(checks.values())
    return "\n".join(
        [
            "| checks | CPU seconds | of training |\n| --- | --- | --- |",
            *rows,
            f"\nTogether {total:.1f} CPU seconds, {total / training:.2%} of the "
            f"{training:,.0f} that the default experiment trains.",
        ]
    )


if __name__ == "__main__":
    run(__doc__ or "", measure, to_table, "--results", Path("results"))
