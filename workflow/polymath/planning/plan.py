"""What an experiment will cost, before anything is spent: runs, downloads, disk, FLOPs, hours."""

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polymath.experiment.conditions import Condition, expand_conditions
from polymath.experiment.config import Experiment
from polymath.experiment.lineage import tokenizer_of
from polymath.experiment.models import ModelSize
from polymath.experiment.sources import MadeSource, PretrainSource
from polymath.planning.cost import (
    TRAINING_PASSES,
    Estimator,
    Rows,
    count_parameters,
    count_runs,
    finetuning_flops,
    forward_flops,
    pretraining_flops,
    rows_in_catalogue,
)
from polymath.util.errors import PolymathError, suggest
from polymath.util.storage import read_metadata, read_table, read_with_metadata

BYTES_A_LOGIT, BYTES_A_ROW = 4, 40
COSTLIEST = 10
SEVERAL = (4, 16, 64)  # devices side by side


@dataclass(frozen=True)
class Cost:
    """What is left to do for one condition, or to pre-train one model."""

    title: str
    runs: int
    flops: float | None
    """None where the data's size is not known yet."""
    disk: float


@dataclass(frozen=True)
class Speed:
    """FLOP/s that a device trains with, and how that is known."""

    flops: float
    source: str


class Plan:
    """An experiment's conditions with their costs."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.results = Path(experiment.results)
        self.conditions = expand_conditions(experiment)
        self._estimator = Estimator(experiment)

    def is_done(self, condition: Condition) -> bool:
        """Whether a condition's predictions are there, of as many replicates as are asked for."""
        path = self.results / "runs" / condition.path / "predictions.parquet"
        if not path.is_file():
            return False
        return int(read_metadata(path).get("replicates", 0)) >= self.experiment.runs

    @cached_property
    def waiting(self) -> list[Condition]:
        """The conditions that are not done."""
        return [condition for condition in self.conditions if not self.is_done(condition)]

    def cost(self, condition: Condition) -> Cost:
        """Estimate one condition, all its runs."""
        if condition.is_baseline:
            return Cost(condition.title, 1, 0.0, 0.0)
        recipe = self.experiment.recipes[condition.recipe]
        rows = self.rows(condition.task, condition.model, condition.mapping)
        runs = count_runs(recipe, self.experiment.runs)
        size = self.size(condition.model)
        if rows is None or size is None:
            return Cost(condition.title, runs, None, 0.0)
        flops = finetuning_flops(recipe, float(condition.fraction), rows, size)
        row_bytes = BYTES_A_ROW + BYTES_A_LOGIT * rows.outputs
        # Predictions are kept by replicate and, together, as the condition's result.
        disk = (rows.dev + rows.test) * row_bytes * (runs + self.experiment.runs)
        if self.experiment.keep_models:
            disk += runs * 4 * count_parameters(size)
        return Cost(condition.title, runs, runs * flops, disk)

    def pretraining(self) -> Iterator[Cost]:
        """Estimate the pre-training of each model that is not there yet."""
        for name, entry in self.experiment.checkpoints.items():
            done = (self.results / "models" / name / "manifest.json").is_file()
            if done or not isinstance(entry.source, PretrainSource):
                continue
            source, size = entry.source, self.size(name)
            rows = self.rows(source.task, source.base, source.mapping)
            if rows is None or size is None:
                yield Cost(f"pre-training of {name}", 1, None, 0.0)
                continue
            flops = pretraining_flops(source.recipe, rows, size)
            yield Cost(f"pre-training of {name}", 1, flops, 4.0 * count_parameters(size))

    def rows(self, task: str, model: str, mapping: str) -> Rows | None:
        """Return a task's rows: as prepared, else as the catalogue says; else None."""
        dataset = self.experiment.datasets[task]
        tokenizer = tokenizer_of(self.experiment, task, model, mapping)
        path = f"tokens/task={task}/tokenizer={tokenizer}/tokens.parquet"
        return self._prepared(self.results / path) or rows_in_catalogue(dataset)

    def _prepared(self, path: Path) -> Rows | None:
        if path not in self._tokens:
            self._tokens[path] = _read_rows(path) if path.is_file() else None
        return self._tokens[path]

    @cached_property
    def _tokens(self) -> dict[Path, Rows | None]:
        return {}

    def size(self, model: str) -> ModelSize | None:
        """Return a model's dimensions: of its files, else of the catalogue, else of its base."""
        return self._estimator.size(model)

    def downloads(self) -> list[str]:
        """Return what is not fetched yet, one line a source."""
        lines = []
        sections = (("raw", self.experiment.datasets), ("models", self.experiment.checkpoints))
        for kind, entries in sections:
            for name, entry in entries.items():
                fetched = (self.results / kind / name / "manifest.json").is_file()
                if not fetched and not isinstance(entry.source, MadeSource):
                    lines.append(f"{name}: {_describe(entry.source)}")
        return lines

    def measured_speed(self) -> Speed | None:
        """Return the speed of the conditions that are done, if their sizes are known."""
        flops, seconds = 0.0, 0.0
        for condition in self.conditions:
            path = self.results / "runs" / condition.path / "curves.parquet"
            if condition.is_baseline or not path.is_file():
                continue
            rows = self.rows(condition.task, condition.model, condition.mapping)
            size = self.size(condition.model)
            if rows is None or size is None:
                continue
            for _, curve in read_table(path).groupby("replicate"):
                last = curve.iloc[-1]
                trained = float(last["examples"]) * TRAINING_PASSES + rows.dev * len(curve)
                flops += forward_flops(size, rows.tokens) * trained
                seconds += float(last["seconds"])
        return Speed(flops / seconds, "the runs in these results") if seconds else None


def makespan(costs: list[float], devices: int) -> float:
    """Return when the last of several devices is done, each taking the costliest job that is left.

    A condition is one job, which is not divided among devices. Source: R. L. Graham, Bounds on
    multiprocessing timing anomalies, 1969 (longest processing time first: at most 4/3 of the
    shortest there is).
    """
    busy = [0.0] * devices
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(busy, busy[0] + cost)
    return max(busy)


def benchmark_speed(name: str, folder: Path) -> Speed:
    """Return the speed that tests/benchmarks/training.py measured on a device.

    Raises:
        PolymathError: if there is no such measurement.
    """
    path = folder / f"{name}.json"
    known = [one.stem for one in folder.glob("*.json") if "gemm_flops" in one.read_text()]
    if name not in known:
        raise PolymathError(
            f"--device: no measurement of '{name}' in {folder}: {suggest(name, known)}; measure "
            "yours with tests/benchmarks/training.py --json FILE"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    share = float(np.mean(list(stored["fraction_of_peak"].values())))
    return Speed(stored["gemm_flops"] * share, f"the benchmark on {stored['device']}")


def describe_plan(plan: Plan, speed: Speed) -> Iterator[str]:
    """Yield the plan's lines, for a terminal."""
    waiting = [plan.cost(condition) for condition in plan.waiting]
    pretraining = list(plan.pretraining())
    yield (
        f"{len(plan.conditions)} conditions, {len(plan.conditions) - len(waiting)} of them done; "
        f"{sum(cost.runs for cost in waiting)} runs to train"
        + (f", and {len(pretraining)} models to pre-train" if pretraining else "")
    )
    fetched = plan.downloads()
    yield f"{len(fetched)} sources to fetch" + (":" if fetched else "")
    yield from (f"  {line}" for line in fetched)
    costs = [*pretraining, *waiting]
    known = [cost for cost in costs if cost.flops]
    if known:
        yield from _describe_known(plan, known, speed)
    if unknown := sum(cost.flops is None for cost in costs):
        yield (
            f"{unknown} of these are not counted: the size of their data or model is known once it "
            "is prepared: snakemake --cores all --until tokenize_records"
        )


def _describe_known(plan: Plan, costs: list[Cost], speed: Speed) -> Iterator[str]:
    flops = sum(cost.flops or 0.0 for cost in costs)
    disk = sum(cost.disk for cost in costs) / 1e6
    yield f"disk for predictions{_with_models(plan)}: about {disk:,.0f} MB"
    yield (
        f"{flops:.2e} FLOPs, about {_hours(flops, speed)} one after another at "
        f"{speed.flops / 1e9:,.0f} GFLOP/s ({speed.source})"
    )
    yield (
        "on "
        + ", ".join(
            f"{devices}: {_hours(makespan([cost.flops or 0.0 for cost in costs], devices), speed)}"
            for devices in SEVERAL
        )
        + " of them at once, costliest first"
    )
    yield "the costliest:"
    for cost in sorted(costs, key=lambda cost: -(cost.flops or 0.0))[:COSTLIEST]:
        yield f"  {_hours(cost.flops or 0.0, speed):>9}  {cost.title}"


def _with_models(plan: Plan) -> str:
    return " and models" if plan.experiment.keep_models else ""


def _hours(flops: float, speed: Speed) -> str:
    hours = flops / speed.flops / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _read_rows(path: Path) -> Rows:
    table, metadata = read_with_metadata(path)
    counts = table["split"].value_counts()
    return Rows(
        train=int(counts.get("train", 0)),
        dev=int(counts.get("dev", 0)),
        test=int(counts.get("test", 0)),
        tokens=float(table["length"].mean()) + 2,
        outputs=max(1, len(metadata["labels"])),
    )


def _describe(source: Any) -> str:
    match source.kind:
        case "package":
            return f"package {source.name} {source.version}"
        case "hub":
            return f"hub {source.repo}"
        case "url":
            return ", ".join(file.url for file in source.files)
        case "music21":
            return f"scores of music21 {source.version}"
        case _:
            return f"path {source.path}"
