"""What large experiments cost beside their training: python tests/benchmarks/scale.py

Prints seconds and memory of dry runs of the paper's matrix and of growing configurations, of the
check of 5,000 finished conditions, and of scoring and comparing 5,000 conditions of 5
replicates; the ratio of the largest dry run to that of a bare Snakefile with as many jobs, planned
in the same run; what Snakemake spends on starting a job that does nothing; and how the paper's
matrix fills several devices. Takes twenty minutes, most of it `snakemake --touch`.
`--json FILE` keeps the figures, `--show FILE` prints kept ones as the table of scale.md.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from command import ROOT, run_with_options

from polymath.data.fetch.local import describe_source, own_files
from polymath.data.fetch.manifest import Manifest
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.conditions import Condition, expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.paths import ResultPaths
from polymath.experiment.requests import Requests
from polymath.planning.plan import Plan, makespan
from polymath.util.identity import describe
from polymath.util.storage import made_from, with_made_from, write_json, write_table

SNAKEMAKE = Path(sys.executable).with_name("snakemake")
REPLICATES = 5
ITEMS = 200  # dev and test items of each
INITS, FRACTIONS = 2, 5
DEVICES = (1, 4, 16, 64, 256)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    tasks: int = 50
    planned: tuple[int, ...] = (1_000, 5_000, 20_000)
    """Conditions of dry runs."""
    started: tuple[int, int] = (250, 1_000)
    """Jobs that do nothing, run to their end."""
    finished: int = 5_000
    """Conditions that are checked, scored and compared."""


SMALL = Sizes(tasks=2, planned=(20,), started=(10, 20), finished=20)

# What planning reads of cards and manifests.
PLANNED_BY = '{"splits": {"train": 1, "dev": 1, "test": 1}, "files": []}'
# Snakemake waits a tenth of a second after it has touched the files of a job.
TOUCH = "import time; time.sleep = lambda seconds: None; from snakemake.cli import main; main()"
BARE = """
rule all:
    input: [f"runs/{n}.predictions" for n in range(JOBS)]
rule finetune:
    output: "runs/{n}.predictions"
    shell: "touch {output}"
"""


def write_config(folder: Path, conditions: int, tasks: int) -> Path:
    """Write a configuration of so many conditions over so many tasks in the user's own CSV file."""
    (folder / "data.csv").write_text("sequence,label\nACGT,a\n")
    dataset = {
        "domain": "dna",
        "source": {"kind": "path", "path": "data.csv"},
        "reader": {"format": "csv"},
        "alphabet": "dna",
    }
    recipes = conditions // (tasks * INITS * FRACTIONS)
    config = {
        "tasks": [f"task{number}" for number in range(tasks)],
        "datasets": {f"task{number}": dataset for number in range(tasks)},
        "models": ["minilm-l6"],
        "fractions": [(number + 1) / FRACTIONS for number in range(FRACTIONS)],
        "recipes": {
            f"recipe{number}": {"learning_rate": 1e-6 * (number + 1), "batch_size": 16, "steps": 10}
            for number in range(recipes)
        },
    }
    path = folder / "large.yaml"
    path.write_text(json.dumps(config))
    return path


def measure(folder: Path, *command: str) -> tuple[dict[str, float], str]:
    """Run a command; return its seconds and peak memory in MB, and what it printed.

    Memory is the largest of the process and its children, not their sum.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        output.seek(0)
        printed = output.read()
    if status:
        sys.exit(printed)
    return {"seconds": seconds, "megabytes": usage.ru_maxrss / 1024}, printed


def ours(config: Path) -> list[str]:
    """Return the command of Polymath with a configuration."""
    return [str(SNAKEMAKE), f"--snakefile={ROOT / 'Snakefile'}", "--cores=1", "--quiet", "rules",
            "--replace-workflow-config", f"--configfile={config}"]  # fmt: skip


def count_jobs(printed: str) -> int:
    """Return the total of a dry run's table of jobs."""
    return int(next(line for line in printed.splitlines() if line.startswith("total")).split()[1])


def plan_everything(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Measure dry runs, the largest beside a bare Snakefile's."""
    figures: dict[str, Any] = {}
    config = ROOT / "resources/experiments/paper.yaml"
    cost, printed = measure(folder, *ours(config), "--dry-run")
    figures["dry run, the paper's matrix"] = {**cost, "jobs": count_jobs(printed)}
    for conditions in sizes.planned:
        config = write_config(folder, conditions, sizes.tasks)
        cost, printed = measure(folder, *ours(config), "--dry-run")
        jobs = count_jobs(printed)
        figures[f"dry run, {conditions:,} conditions"] = {**cost, "jobs": jobs}
    bare = folder / "Bare.smk"
    bare.write_text(f"JOBS = {jobs - 1}\n{BARE}")
    command = [str(SNAKEMAKE), f"--snakefile={bare}", "--cores=1", "--quiet", "rules",
               "--scheduler=greedy", "--dry-run"]  # fmt: skip
    rival, _ = measure(folder, *command)
    figures["dry run, a bare Snakefile"] = {**rival, "jobs": jobs}
    return figures


def start_jobs(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Measure runs of jobs that do nothing: what is left is what the engine itself takes."""
    figures: dict[str, Any] = {}
    bare = folder / "Bare.smk"
    for jobs in sizes.started:
        bare.write_text(f"JOBS = {jobs - 1}\n{BARE}")
        command = [str(SNAKEMAKE), f"--snakefile={bare}", "--cores=2", "--quiet", "all",
                   "--scheduler=greedy", "--forceall"]  # fmt: skip
        cost, _ = measure(folder, *command)
        figures[f"run of {jobs:,} jobs that do nothing"] = {**cost, "jobs": jobs}
    return figures


def fill_devices() -> list[dict[str, float]]:
    """Return how long the paper's matrix keeps several devices, in shares of its total work.

    `best`: each device takes the costliest condition that is left. `worst`: conditions are started
    in any order (R. L. Graham, Bounds for certain multiprocessing anomalies, 1966).
    """
    config = read_config(ROOT / "resources/experiments/paper.yaml")
    plan = Plan(load_experiment(config, ROOT / "resources"))
    costs = [cost.flops or 0.0 for cost in map(plan.cost, plan.conditions)]
    total, longest = sum(costs), max(costs)
    return [
        {
            "devices": devices,
            "best": makespan(costs, devices) / total,
            "worst": (total / devices + longest * (1 - 1 / devices)) / total,
        }
        for devices in DEVICES
    ]


def state_origins(folder: Path, config: Path) -> None:
    """Write tables without rows and manifests that state what the experiment asks for."""
    experiment = load_experiment(read_config(config), ROOT / "resources")
    with contextlib.chdir(folder):
        requests, schema = Requests(experiment), pa.schema([("id", pa.string())])
        for path, source in requests.fetched():
            own = own_files(source)
            Manifest.of(path, describe_source(source), own, own=own).write()
        for request in requests.all(expand_conditions(experiment)):
            with made_from(describe(request.asked, request.inputs)):
                if request.path.suffix == ".parquet":
                    write_table(pd.DataFrame(columns=["id"]), request.path, schema, {})
                else:
                    write_json(with_made_from(json.loads(PLANNED_BY)), request.path)


def check_finished(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Measure the check of an experiment that is finished: every file there, nothing to do."""
    config = write_config(folder, sizes.finished, sizes.tasks)
    _, table = measure(folder, *ours(config), "--summary")
    for line in table.splitlines():
        name = line.split("\t")[0]
        if name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(PLANNED_BY if name.endswith(".json") else "")
    state_origins(folder, config)
    _, printed = measure(folder, *ours(config), "--dry-run", "--forceall")
    # This records what made each file.
    touch = [sys.executable, "-c", TOUCH, *ours(config)[1:], "--touch", "--forceall"]
    measure(folder, *touch, "--cores=1000")
    cost, said = measure(folder, *ours(config))
    if "Nothing to be done" not in said:
        sys.exit(said)
    return {
        f"check of {sizes.finished:,} finished conditions": {**cost, "jobs": count_jobs(printed)}
    }


def synthetic_predictions(folder: Path, sizes: Sizes) -> Iterator[tuple[str, Path]]:
    """Write predictions of so many conditions; yield each one's task and file."""
    generator = np.random.default_rng(0)
    schema = prediction_schema("classification")
    recipes = range(sizes.finished // sizes.tasks // INITS)
    count = REPLICATES * 2 * ITEMS
    rows = pd.DataFrame(
        {
            "replicate": np.repeat(np.arange(REPLICATES), 2 * ITEMS),
            "split": np.tile(np.repeat(["dev", "test"], ITEMS), REPLICATES),
            "id": [f"item{number % (2 * ITEMS)}" for number in range(count)],
        }
    )
    rows["item"] = rows["id"]
    records = rows[["id"]].drop_duplicates().assign(group=rows["id"])
    groups = pa.schema([("id", pa.string()), ("group", pa.string())])
    for task in range(sizes.tasks):
        write_table(records, ResultPaths(folder).records(f"task{task}"), groups, {})
    curves = pd.DataFrame(
        itertools.product(range(REPLICATES), range(11)), columns=["replicate", "step"]
    )
    curves = curves.assign(examples=curves["step"], train_loss=1.0, seconds=curves["step"])
    for task, init, recipe in itertools.product(
        range(sizes.tasks), ("pretrained", "scratch"), recipes
    ):
        condition = Condition(f"task{task}", "small", init, "random", "1", f"recipe{recipe}")
        rows["label"] = np.where(generator.random(count) < 0.5, "a", "b")
        rows["logits"] = list(generator.normal(size=(count, 2)).astype("float32"))
        metadata = {**condition.columns, "domain": "dna", "type": "classification",
                    "metric": "accuracy", "labels": ["a", "b"], "train_majority": 0,
                    "learning_rate": 1e-4, "rate_trials": [], "crossed": {},
                    "diverged": {}}  # fmt: skip
        path = ResultPaths(folder).predictions(condition)
        write_table(rows, path, schema, metadata)
        curves["dev_score"] = generator.uniform(size=len(curves))
        write_table(curves, ResultPaths(folder).curves(condition), CURVE_SCHEMA, metadata)
        yield condition.task, path


SCORE = """
import sys
from pathlib import Path
from polymath.evaluation.scores import evaluate
paths = [Path(line) for line in Path(sys.argv[1]).read_text().split()]
evaluate(paths, "accuracy", Path(sys.argv[2]), lambda said: None)
"""
EVIDENCE = """
import sys
from pathlib import Path
from polymath.evaluation.evidence import EvidenceFiles, write_evidence
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
results = ResultPaths(Path(sys.argv[1]))
names = ("estimates", "comparisons", "summary", "convergence")
files = EvidenceFiles(**{name: results.evidence(name) for name in names},
                      matrix=results.matrix(), matrix_csv=results.matrix("csv"))
lineage = Lineage(domains={"small": "text"}, bases={})
tables = write_evidence([Path(path) for path in sys.argv[2:]], results, lineage, {}, files)
print(len(tables["matrix"]))
"""


def score_and_compare(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Measure scoring, task by task, and evidence, each in processes of its own."""
    by_task: dict[str, list[str]] = {}
    for task, path in synthetic_predictions(folder, sizes):
        by_task.setdefault(task, []).append(str(path))
    spent, scores = [], []
    for task, paths in by_task.items():
        (folder / "paths").write_text("\n".join(paths))
        scores.append(str(folder / f"{task}.parquet"))
        cost, _ = measure(folder, sys.executable, "-c", SCORE, "paths", scores[-1])
        spent.append(cost)
    cost, printed = measure(folder, sys.executable, "-c", EVIDENCE, str(folder), *scores)
    if int(printed) != sizes.finished:
        sys.exit(printed)
    scoring = {"seconds": sum(one["seconds"] for one in spent),
               "megabytes": max(one["megabytes"] for one in spent), "jobs": len(spent)}  # fmt: skip
    what = f"{sizes.finished:,} conditions of {REPLICATES} replicates"
    return {f"scoring {what}": scoring, f"evidence of {what}": {**cost, "jobs": 1}}


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown tables, and the ratio."""
    lines = ["| what | jobs | seconds | peak memory, MB |", "| --- | --- | --- | --- |"]
    # By what is done, then by how much of it.
    costs = sorted(
        figures["costs"].items(), key=lambda row: (row[0].split()[0], row[1]["jobs"], row[0])
    )
    lines += [
        f"| {what} | {cost['jobs']:,} | {cost['seconds']:.1f} | {cost['megabytes']:,.0f} |"
        for what, cost in costs
    ]
    few, many = (cost for what, cost in costs if what.startswith("run of"))
    a_job = (many["seconds"] - few["seconds"]) / (many["jobs"] - few["jobs"])
    machine = f"{figures['processor']}, {figures['cores']} cores"
    lines += [
        f"\nThe largest dry run took {figures['ratio_vs_bare']:.2f} times as long as a bare "
        f"Snakefile with as many jobs. A job that does nothing took {a_job:.3f} s from start "
        f"to end ({machine}).",
        "\n| devices | time, of one device's | devices busy | in the worst order, busy |",
        "| --- | --- | --- | --- |",
    ]
    for row in figures["devices"]:
        busy, least = (1 / row["devices"] / row[order] for order in ("best", "worst"))
        lines.append(f"| {row['devices']} | {row['best']:.2%} | {busy:.1%} | {least:.1%} |")
    return "\n".join(lines)


def measure_all(sizes: Sizes) -> dict[str, Any]:
    """Return the figures of every part."""
    costs: dict[str, Any] = {}
    for part in (plan_everything, start_jobs, check_finished, score_and_compare):
        with tempfile.TemporaryDirectory() as folder:
            costs |= part(Path(folder), sizes)
    largest = costs[f"dry run, {sizes.planned[-1]:,} conditions"]["seconds"]
    return {
        "costs": costs,
        "devices": fill_devices(),
        "ratio_vs_bare": largest / costs["dry run, a bare Snakefile"]["seconds"],
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a minute's try of every part")
    run_with_options(
        parser, lambda arguments: measure_all(SMALL if arguments.small else Sizes()), to_table
    )
