"""Execute thousands of conditions with a tiny model: python tests/benchmarks/executed.py

Every condition is really trained, two replicates of two steps each, by Snakemake and the real
code; then scored, compared and reported; then a dry run finds nothing to do. Measured are seconds,
computing time of all processes, memory, files and bytes.

    python tests/benchmarks/executed.py --forked --json resources/benchmarks/executed.json
    python tests/benchmarks/executed.py --conditions 100 --json resources/benchmarks/started.json

Most of a tiny job is importing torch: `--forked` starts each job as a copy of a process that has.
Started again with the same folder, it resumes. `--show FILE` prints the kept figures.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from command import run_with_options

sys.path.insert(0, str(Path(__file__).parents[1]))

from polymath.util.machine import describe_machine
from polymath.util.storage import read_json, write_json
from support.families import build_checkpoint
from support.forked import forking
from support.workspace import Workspace, tiny_config

REPLICATES, STEPS = 2, 2
INITS = ("pretrained", "scratch")
MOST_TASKS, MOST_FRACTIONS = 10, 5
MEASURED = ("cpu_seconds", "own_cpu_seconds", "megabytes")
EVERY = 2.0  # seconds between two looks at the processes; a kill loses as much of the figures
DRY_RUN = "dry run of what is finished"
PARTS = {"training": ["--until=finetune"], "scores to report": [], DRY_RUN: ["--dry-run"]}


def largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor that is at most `most`."""
    return next(divisor for divisor in range(most, 0, -1) if number % divisor == 0)


def prepare(folder: Path, conditions: int) -> Workspace:
    """Write the model, the data and a configuration of exactly so many conditions, an even number.

    They are multiplied by tasks first, then by fractions of the data, then by learning rates.
    """
    arms = conditions // len(INITS)
    tasks = largest_divisor(arms, MOST_TASKS)
    fractions = largest_divisor(arms // tasks, MOST_FRACTIONS)
    model = folder / "model"
    if not model.exists():
        model.mkdir(parents=True)
        build_checkpoint("bert", model)
    config: dict[str, Any] = tiny_config(folder, model)
    dataset, recipe = config["datasets"]["odd"], config["recipes"]["tiny"]
    names = [f"task{number}" for number in range(tasks)]
    recipes = {
        f"recipe{number}": recipe
        | {"steps": STEPS, "evaluations": 1, "learning_rate": 1e-4 * (number + 1)}
        for number in range(arms // (tasks * fractions))
    }
    config |= {
        "replicates": REPLICATES,
        "tasks": names,
        "datasets": dict.fromkeys(names, dataset),
        "initialisations": list(INITS),
        "fractions": [(number + 1) / fractions for number in range(fractions)],
        "recipes": recipes,
    }
    return Workspace(folder, config)


def run_part(workspace: Workspace, name: str, cores: int, forked: bool) -> None:
    """Run Snakemake once; keep beside the results what it cost, also if this process is killed.

    A session's computing time is that of Snakemake and of all its jobs.
    """
    place = workspace.folder / "sessions" / f"{name}.{time.time():.0f}.json"
    log = workspace.folder / "log"
    options = [*PARTS[name], f"--cores={cores}", "--rerun-incomplete", "--quiet", "rules"]
    begun, session = time.monotonic(), dict.fromkeys(MEASURED, 0.0)
    command, environment = workspace.command(*options), dict(os.environ)
    if forked:
        command, environment = forking(command)
    with log.open("ab") as output:
        snakemake = subprocess.Popen(
            command, cwd=workspace.folder, env=environment, stdout=output, stderr=output
        )
    while True:
        pid, status, usage = os.wait4(snakemake.pid, os.WNOHANG)
        session["seconds"] = time.monotonic() - begun
        if pid:
            break
        session |= spent_so_far(snakemake.pid)
        write_json(session, place)
        time.sleep(EVERY)
    logged = log.read_text()[-3000:]
    if status or (name == DRY_RUN and "Nothing to be done" not in logged):
        sys.exit(f"{logged}\n{name} failed. The same command resumes; {log} has everything.")
    # What has started the forked jobs is not counted in that of its parent.
    spent = session["cpu_seconds"], usage.ru_utime + usage.ru_stime
    session["cpu_seconds"] = max(spent)
    write_json({**session, "ended": True}, place)


def spent_so_far(pid: int) -> dict[str, float]:
    """Return the computing time of a process with all below it and its own, and its peak memory."""
    try:
        process = psutil.Process(pid)
        # Each counts its children that have ended.
        times = [one.cpu_times() for one in [process, *process.children(recursive=True)]]
        peak = next(
            line.split()[1]
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
    except (StopIteration, psutil.Error):  # one has just ended
        return {}
    spent = sum(
        each.user + each.system + each.children_user + each.children_system for each in times
    )
    own = times[0].user + times[0].system
    return {"cpu_seconds": spent, "own_cpu_seconds": own, "megabytes": float(peak) / 1024}


def sessions_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return what each run of a part has cost so far."""
    return [read_json(path) for path in sorted((folder / "sessions").glob(f"{name}.*.json"))]


def measure(folder: Path, conditions: int, cores: int, forked: bool) -> dict[str, Any]:
    """Run all parts that have not ended; return what they cost, and what lies in the folder."""
    workspace = prepare(folder, conditions)
    (folder / "sessions").mkdir(exist_ok=True)
    for name in PARTS:
        if not any(session.get("ended") for session in sessions_of(folder, name)):
            run_part(workspace, name, cores, forked)
    jobs = pd.concat(
        pd.read_csv(path, sep="\t") for path in (folder / "results/benchmarks/finetune").iterdir()
    )
    return {
        "conditions": len(jobs),
        "replicates": REPLICATES,
        "steps": STEPS,
        "forked": forked,
        "parts": {name: add_up(sessions_of(folder, name)) for name in PARTS},
        "job": {
            "seconds": float(jobs["s"].median()),
            "megabytes": float(jobs["max_rss"].max()),
        },
        "kept": {name: count_files(folder / name) for name in ("results", ".snakemake")},
        "processor": describe_machine()["processor"],
        "cores": cores,
    }


def add_up(sessions: list[dict[str, Any]]) -> dict[str, float]:
    """Return what the runs of a part cost together."""
    return {
        "sessions": len(sessions),
        "seconds": sum(session["seconds"] for session in sessions),
        "cpu_seconds": sum(session["cpu_seconds"] for session in sessions),
        "own_cpu_seconds": sum(session["own_cpu_seconds"] for session in sessions),
        "megabytes": max(session["megabytes"] for session in sessions),
    }


def count_files(folder: Path) -> dict[str, int]:
    """Return how many files lie below a folder, and how many bytes the disk gives them."""
    files = [path.lstat() for path in folder.rglob("*") if not path.is_dir()]
    return {"files": len(files), "bytes": sum(512 * file.st_blocks for file in files)}


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as a table and two sentences."""
    rows = [
        f"| {name} | {cost['sessions']} | {cost['seconds']:,.0f} | {cost['cpu_seconds']:,.0f} | "
        f"{cost['megabytes']:,.0f} |"
        for name, cost in figures["parts"].items()
    ]
    kept = ", ".join(
        f"{folder['files']:,} files ({folder['bytes'] / 1e6:,.0f} MB) in `{name}`"
        for name, folder in figures["kept"].items()
    )
    job, training = figures["job"], figures["parts"]["training"]
    own, spent = (
        seconds / figures["conditions"]
        for seconds in (training["own_cpu_seconds"], training["cpu_seconds"])
    )
    imported = ", in a copy of a process that had imported torch" if figures["forked"] else ""
    return "\n".join(
        [
            f"| {figures['conditions']:,} conditions | starts | seconds | CPU seconds "
            "| peak memory of Snakemake, MB |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"The job of a condition ({figures['replicates']} replicates of {figures['steps']} "
            f"steps) took {job['seconds']:.1f} s (the median) and {spent - own:.2f} CPU seconds "
            f"(the mean){imported}; the largest had {job['megabytes']:,.0f} MB. Snakemake itself "
            f"took {own:.2f} CPU seconds for each, planning "
            f"included. Left are {kept} "
            f"({figures['processor']}, {figures['cores']} jobs at once).",
        ]
    )


def measure_as_asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in the folder that is named; else in a new one, which is deleted."""
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = arguments.folder or Path(temporary)
        return measure(folder.absolute(), arguments.conditions, arguments.cores, arguments.forked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conditions", type=int, default=3_000, help="an even number")
    parser.add_argument("--forked", action="store_true", help="spare the jobs their imports")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="jobs at once")
    parser.add_argument("--folder", type=Path, help="where to run, or to resume; else a new one")
    run_with_options(parser, measure_as_asked, to_table)
