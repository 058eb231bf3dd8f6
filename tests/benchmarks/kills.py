"""Kill whole runs at random moments: python tests/benchmarks/kills.py [--kills 50]

A tiny experiment is run through Snakemake, in a process group of its own, until its training has
written a checkpoint since it started; up to a second later the whole group gets SIGKILL. The same
command then resumes. Whenever a run ends, its files are compared byte by byte with those of an
undisturbed run, and training begins again, until there were so many kills. `--json FILE` keeps
the figures.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from command import run

sys.path.insert(0, str(Path(__file__).parents[1]))

from polymath.util.storage import digest_of, read_table, sha256_of
from support.families import build_checkpoint
from support.workspace import Workspace, tiny_config

STEPS, REPLICATES = 200, 2
CHECKPOINT_SECONDS = "0.05"
LONGEST = 1.0  # seconds from a checkpoint to the kill, at most


def prepare(folder: Path) -> Workspace:
    """Return the tiny experiment, of one condition."""
    model = folder / "model"
    model.mkdir()
    build_checkpoint("bert", model)
    config: dict[str, Any] = tiny_config(folder, model)
    config |= {"initialisations": ["pretrained"], "replicates": REPLICATES}
    config["recipes"]["tiny"] |= {"steps": STEPS, "evaluations": 3, "dropout": 0.1}
    return Workspace(folder, config)


def start(workspace: Workspace, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the documented command in a process group of its own."""
    environment = {**os.environ, "POLYMATH_CHECKPOINT_SECONDS": CHECKPOINT_SECONDS}
    with (workspace.folder / "log").open("ab") as log:
        return subprocess.Popen(
            workspace.command(*arguments), cwd=workspace.folder, stdout=log, stderr=log,
            env=environment, start_new_session=True,
        )  # fmt: skip


def await_end(process: subprocess.Popen[bytes], workspace: Workspace) -> None:
    """Wait for a run; exit with its log if it failed."""
    if process.wait():
        sys.exit((workspace.folder / "log").read_text())


def checkpoints(workspace: Workspace) -> set[Path]:
    """Return the complete checkpoints that there are now."""
    return set((workspace.folder / "results/runs").rglob("[!.]*.step-*.json"))


def run_or_kill(workspace: Workspace, moments: random.Random, may_kill: bool) -> bool:
    """Run until a checkpoint and a random moment more; return whether the group was killed."""
    before = checkpoints(workspace)
    process = start(workspace, "--until=finetune")
    while process.poll() is None:
        if may_kill and checkpoints(workspace) - before:
            time.sleep(moments.uniform(0, LONGEST))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            break
        time.sleep(0.01)
    await_end(process, workspace)
    return False


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each result of training; learning curves state seconds."""
    files = (folder / "results").rglob("*predictions.parquet")
    digests = {str(path.relative_to(folder)): sha256_of(path) for path in files}
    for path in (folder / "results/runs").rglob("curves.parquet"):
        rows = read_table(path).drop(columns="seconds").to_csv()
        digests[str(path.relative_to(folder))] = digest_of(rows)
    return digests


def measure(kills: int) -> dict[str, Any]:
    """Kill so many times; return how often, how many runs ended and which files differed."""
    moments, begun = random.Random(11), time.monotonic()
    killed, ended, differing = 0, 0, set[str]()
    with tempfile.TemporaryDirectory() as name:
        workspace = prepare(Path(name))
        await_end(start(workspace, "--until=finetune"), workspace)
        wanted = digests(workspace.folder)
        while killed < kills:
            shutil.rmtree(workspace.folder / "results/runs")
            while run_or_kill(workspace, moments, killed < kills):
                killed += 1
                print(f"{killed} kills, {ended} ends", file=sys.stderr, flush=True)
            ended += 1
            made = digests(workspace.folder)
            differing |= {file for file in {*wanted, *made} if wanted.get(file) != made.get(file)}
    return {
        "kills": killed, "ends": ended, "files": len(wanted), "differing": sorted(differing),
        "seconds": time.monotonic() - begun,
    }  # fmt: skip


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures in a sentence."""
    return (
        f"{figures['kills']} kills of the whole process group, each past at least one checkpoint; "
        f"{figures['ends']} runs ended; of {figures['files']} files compared with an undisturbed "
        f"run, {len(figures['differing'])} differ."
    )


if __name__ == "__main__":
    run(__doc__ or "", measure, to_table, "--kills", 50)
