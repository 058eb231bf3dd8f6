"""A tiny experiment in a folder, and Snakemake in it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from support import ROOT
from support.forked import run_snakemake

RUN = "results/runs/task=odd/model=small/init={}/mapping=random/fraction=1/recipe=tiny"


def write_dna_csv(path: Path, rows: int = 120) -> Path:
    """A two-class task that a model can learn: the class is the commonest base."""
    import numpy as np

    generator = np.random.default_rng(1)
    lines = ["seq,y"]
    for number in range(rows):
        base = "AC"[number % 2]
        rest = "".join(generator.choice(list("ACGT"), 14))
        lines.append(f"{base * 10}{rest},{'even' if number % 2 == 0 else 'odd'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def tiny_config(folder: Path, checkpoint_folder: Path) -> dict[str, object]:
    """An experiment of seconds: own data, own random checkpoint, two conditions."""
    write_dna_csv(folder / "own data.csv")
    return {
        "results": "results",
        "seed": 1,
        "replicates": 2,
        "tasks": ["odd"],
        "models": ["small"],
        "initialisations": ["pretrained", "scratch"],
        "mappings": ["random"],
        "fractions": [1],
        "recipes": {"tiny": {"learning_rate": 0.003, "batch_size": 8, "steps": 20,
                             "evaluations": 2, "precision": "fp32"}},
        "datasets": {
            "odd": {
                "domain": "dna",
                "source": {"kind": "path", "path": "own data.csv"},
                "reader": {"format": "csv", "sequence": "seq", "label": "y"},
                "alphabet": "dna",
                "max_length": 40,
            }
        },
        "checkpoints": {"small": {"source": {"kind": "path", "path": str(checkpoint_folder)}}},
    }  # fmt: skip


def heed_signals() -> None:
    """Let a child process heed SIGINT and SIGHUP even if the tests themselves were started in the
    background or under nohup, which ignore them.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def write_config(config: dict[str, object], path: Path) -> Path:
    """Write a configuration; JSON is YAML."""
    path.write_text(json.dumps(config))
    return path


class Workspace:
    """A folder with a tiny experiment, and Snakemake in it."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, config

    def command(self, *arguments: str) -> list[str]:
        write_config(self.config, self.folder / "experiment.yaml")
        return [
            str(Path(sys.executable).with_name("snakemake")),
            f"--snakefile={ROOT / 'Snakefile'}",
            f"--directory={self.folder}",
            "--replace-workflow-config",
            "--configfile=experiment.yaml",
            "--cores=2",
            *arguments,
        ]

    def run(
        self, *arguments: str, first: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake.

        Args:
            first: a program that each job runs before its script.
            variables: of its environment, besides the present ones.
        """
        words, environment = self.command(*arguments)[1:], {**os.environ, **variables}
        return run_snakemake(self.folder, words, environment, first)

    def copy(self, folder: Path) -> "Workspace":
        """Return a copy, to change and break."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder, json.loads(json.dumps(self.config)))

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a run would do now, by rule."""
        result = self.run("--dry-run", *arguments)
        assert result.returncode == 0, result.stderr
        lines = result.stdout.splitlines()
        if not any(line.startswith("Job stats") for line in lines):
            return {}
        start = next(place for place, line in enumerate(lines) if line.startswith("---"))
        jobs: dict[str, int] = {}
        for line in lines[start + 1 :]:
            name, _, count = line.partition(" ")
            if name in ("total", ""):
                break
            jobs[name] = int(count)
        jobs.pop("all", None)
        return jobs

    def read(self, init: str, file: str) -> bytes:
        return (self.folder / RUN.format(init) / file).read_bytes()

    def log(self, init: str) -> str:
        name = f"odd,small,{init},random,1,tiny.log"
        return (self.folder / "results/logs/finetune" / name).read_text()


def training_process(parent: int, workspace: Workspace) -> psutil.Process:
    """The process that trains, once it is at it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for child in psutil.Process(parent).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                training = any(part.endswith(".finetune.py") for part in child.cmdline())
                leaf = not child.children()
                if training and leaf and "steps of 8" in workspace.log("scratch"):
                    time.sleep(1)
                    return child
        time.sleep(0.05)
    raise AssertionError("no process trained")
