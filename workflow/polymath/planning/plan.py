"""What an experiment will cost, before anything is spent: runs, downloads, disk, FLOPs, hours."""

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polymath.experiment.conditions import (
    Condition,
    describe_default_mappings,
    expand_conditions,
)
from polymath.experiment.config import Experiment
from polymath.experiment.ignored_keys import ignored_keys
from polymath.experiment.lineage import pretrained_here, tokenizer_of
from polymath.experiment.paths import ResultPaths
from polymath.experiment.reading_limit import describe_share
from polymath.experiment.requests import Requests
from polymath.experiment.sources import ConfiguredSource, PathSource
from polymath.planning.cost import (
    TRAINING_PASSES,
    Estimator,
    TaskSize,
    catalogued_size,
    count_parameters,
    count_runs,
    finetuning_flops,
    forward_flops,
    pretraining_flops,
    synthetic_size,
)
from polymath.planning.pretraining_share import describe_pretraining
from polymath.planning.stale import Comparison, with_dependents
from polymath.util.errors import PolymathError, suggest
from polymath.util.machine import read_processor
from polymath.util.storage import read_table, read_with_metadata

BYTES_PER_LOGIT, BYTES_PER_ROW = 4, 40
SPECIAL_TOKENS = 2  # around a sequence, of most models
MOST_EXPENSIVE = 10  # conditions that are listed
DEVICES = (4, 16, 64)  # numbers of devices for which hours are given


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
    """FLOP/s of training, and where the figure comes from."""

    flops: float
    source: str


class Plan:
    """An experiment's conditions with their costs."""

    def __init__(
        self,
        experiment: Experiment,
        changed: Iterable[tuple[Path, str]] = (),
        comparison: Comparison | None = None,
    ) -> None:
        """Plan what is left to do of an experiment.

        Args:
            changed: manifests of sources that must be fetched again, with the reasons.
            comparison: of the results with what is asked for.
        """
        self.experiment = experiment
        self.changed, self.comparison = dict(changed), comparison or Comparison()
        self.paths = ResultPaths.of(experiment.results)
        self.conditions = expand_conditions(experiment)
        self.estimator = Estimator(experiment)
        self.model_size = self.estimator.model_size
        self._tokenized_size = cache(_read_task_size)

    @cached_property
    def stale(self) -> dict[Path, str]:
        """The results that exist but must be made again, with the reasons."""
        requests = list(Requests(self.experiment).all(self.conditions))
        stale = {**self.changed, **dict(self.comparison.find_stale(requests))}
        return with_dependents(stale, requests)

    def is_done(self, condition: Condition) -> bool:
        """Whether a condition has the predictions that the experiment asks for."""
        path = self.paths.predictions(condition)
        return path.is_file() and path not in self.stale

    @cached_property
    def pending(self) -> list[Condition]:
        """The conditions that failed or have not been trained yet."""
        return [condition for condition in self.conditions if not self.is_done(condition)]

    def cost(self, condition: Condition) -> Cost:
        """Estimate one condition, all its runs."""
        if condition.is_baseline:
            return Cost(condition.title, 1, 0.0, 0.0)
        if not condition.is_trained:
            return Cost(condition.title, 0, 0.0, 0.0)
        recipe = self.experiment.recipes[condition.base_recipe]
        task = self.task_size(condition.task, condition.model, condition.mapping)
        runs = count_runs(recipe, self.experiment.runs)
        model = self.model_size(condition.model)
        if task is None or model is None:
            return Cost(condition.title, runs, None, 0.0)
        flops = finetuning_flops(recipe, float(condition.fraction), task, model)
        row_bytes = BYTES_PER_ROW + BYTES_PER_LOGIT * task.outputs
        # Predictions are kept per replicate and, together, as the condition's result.
        disk = (task.dev + task.test) * row_bytes * (runs + self.experiment.runs)
        if self.experiment.keep_models:
            disk += runs * 4 * count_parameters(model)
        return Cost(condition.title, runs, runs * flops, disk)

    def best_models(self) -> tuple[list[str], float, float]:
        """Return the tasks that keep the models of their best arm, and two sizes in bytes: of what
        stays, and of all arms until the best is known.
        """
        kept: dict[str, list[float]] = {}
        for condition in self.conditions:
            if self.experiment.keeps_best(condition.task) and condition.is_trained:
                model = self.model_size(condition.model)
                size = 0 if model is None else 4 * count_parameters(model)
                kept.setdefault(condition.task, []).append(self.experiment.runs * size)
        return [*kept], sum(map(max, kept.values())), sum(map(sum, kept.values()))

    def pretraining(self) -> Iterator[Cost]:
        """Estimate the pre-training of each model that is not there yet."""
        for name in pretrained_here(self.experiment):
            manifest = self.paths.model_manifest(name)
            if manifest.is_file() and manifest not in self.stale:
                continue
            flops, model = self.pretraining_cost(name), self.model_size(name)
            disk = 0.0 if model is None else 4.0 * count_parameters(model)
            yield Cost(f"pre-training of {name}", 1, flops, disk)

    def pretraining_cost(self, name: str) -> float | None:
        """Return the FLOPs of a model's pre-training; None where a size is not known yet."""
        source, model = pretrained_here(self.experiment)[name], self.model_size(name)
        task = synthetic_size(source)
        if task is None and source.task is not None:
            task = self.task_size(source.task, source.base, source.mapping)
        if task is None or model is None:
            return None
        return pretraining_flops(source.recipe, task, model)

    def task_size(self, task: str, model: str, mapping: str) -> TaskSize | None:
        """Return a task's size: of its tokens, else of the catalogue; None if neither is known."""
        tokenizer = tokenizer_of(self.experiment, task, model, mapping)
        tokenized = self._tokenized_size(self.paths.tokens(task, tokenizer))
        return tokenized or catalogued_size(self.experiment.datasets[task])

    def downloads(self) -> list[str]:
        """Return what is not downloaded yet, one line per source."""
        sources = (
            (manifest, source.weights if isinstance(source, ConfiguredSource) else source)
            for manifest, source in Requests(self.experiment).fetched()
        )
        return [
            f"{manifest.parent.name}: {_describe(source)}"
            for manifest, source in sources
            if (not manifest.is_file() or manifest in self.stale)
            and not isinstance(source, PathSource | None)
        ]

    def measured_speed(self) -> Speed | None:
        """Return the speed of the trained conditions, or None if their sizes are unknown."""
        flops, seconds = 0.0, 0.0
        for condition in self.conditions:
            path = self.paths.curves(condition)
            if not (condition.is_trained and path.is_file()):
                continue
            task = self.task_size(condition.task, condition.model, condition.mapping)
            model = self.model_size(condition.model)
            if task is None or model is None:
                continue
            for _, curve in read_table(path).groupby("replicate"):
                last = curve.iloc[-1]
                trained = float(last["examples"]) * TRAINING_PASSES + task.dev * len(curve)
                flops += forward_flops(model, task.tokens) * trained
                seconds += float(last["seconds"])
        return Speed(flops / seconds, "the runs in these results") if seconds else None


def makespan(costs: list[float], devices: int) -> float:
    """Return when the last of several devices is done, each taking the most expensive job left.

    A condition is one job, which is never split among devices. Source: R. L. Graham, Bounds on
    multiprocessing timing anomalies, 1969 (longest processing time first: at most 4/3 of the
    shortest there is).
    """
    busy = [0.0] * devices
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(busy, busy[0] + cost)
    return max(busy)


def measured_devices(folder: Path) -> list[str]:
    """Return the devices, sorted, whose training tests/benchmarks/training.py measured."""
    return sorted(file.stem for file in folder.glob("*.json") if "gemm_flops" in file.read_text())


def measured_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the measurement on two cores of this machine's kind.

    With AMX products are several times as fast, and training reaches a smaller share of that.
    """
    _, instructions = read_processor(cpuinfo)
    return "cpu-2-cores-amx" if "amx_bf16" in instructions.split() else "cpu-2-cores"


def benchmark_speed(name: str, folder: Path) -> Speed:
    """Return the speed that tests/benchmarks/training.py measured on a device.

    Raises:
        PolymathError: if there is no such measurement.
    """
    path = folder / f"{name}.json"
    known = measured_devices(folder)
    if name not in known:
        raise PolymathError(
            f"--device: no measurement of '{name}' in {folder}: {suggest(name, known)}; measure "
            "yours with tests/benchmarks/training.py --json FILE"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Speed(
        stored["gemm_flops"] * _share_of_peak(path), f"the benchmark on {stored['device']}"
    )


def machine_speed(product: float, name: str, folder: Path) -> Speed:
    """Return a machine's speed of training, estimated from one of its matrix products.

    Args:
        product: FLOP/s of a large product.
        name: of the measurement whose share of such a product training reaches.
        folder: of measurements.
    """
    return Speed(product * _share_of_peak(folder / f"{name}.json"), "a measurement of this machine")


def _share_of_peak(path: Path) -> float:
    """Return which share of a matrix product's FLOP/s training reached in a measurement."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return float(np.mean(list(stored["fraction_of_peak"].values())))


def describe_plan(plan: Plan, speed: Speed, listed: int = MOST_EXPENSIVE) -> Iterator[str]:
    """Yield the plan's lines, for a terminal.

    Args:
        listed: how many of the most expensive conditions to list.
    """
    pending = [plan.cost(condition) for condition in plan.pending]
    pretraining = list(plan.pretraining())
    yield (
        f"{len(plan.conditions)} conditions, {len(plan.conditions) - len(pending)} of them done; "
        f"{sum(cost.runs for cost in pending)} runs to train"
        + (f", and {_count(len(pretraining), 'model')} to pre-train" if pretraining else "")
    )
    if chosen := describe_default_mappings(plan.experiment):
        yield chosen
    yield from _describe_truncation(plan)
    yield from ignored_keys(plan.experiment)
    downloads = plan.downloads()
    yield f"{_count(len(downloads), 'source')} to download" + (":" if downloads else "")
    yield from (f"  {line}" for line in downloads)
    costs = [*pretraining, *pending]
    if any(cost.flops for cost in costs):
        yield from _describe_known(plan, costs, speed, listed)
    yield from describe_pretraining(plan)
    yield from _describe_models(plan)
    if unknown := sum(cost.flops is None for cost in costs):
        yield (
            f"{unknown} of these are not counted, as the size of their data or model is unknown; "
            "prepare them with: snakemake --cores all --until tokenize_records"
        )


def _describe_truncation(plan: Plan) -> Iterator[str]:
    """Yield a line per task and model that reads only a part of it, where both are here."""
    pairs = dict.fromkeys((c.task, c.model) for c in plan.conditions if not c.is_baseline)
    for task, model in pairs:
        dataset, positions = plan.experiment.datasets[task], plan.estimator.positions(model)
        room = None if positions is None else positions - SPECIAL_TOKENS
        asked = dataset.row_length
        length = plan.estimator.median_length(task)
        seen = asked if room is None else min(asked, room)
        if dataset.windows is None and length is not None and length[0] > seen:
            yield describe_share(f"{task}, {model}", length[1], length[0], seen)
        elif room is not None and asked > room:
            yield (
                f"{task}, {model}: of the {asked:,} symbols asked for, the model reads {room:,}: "
                "use windows of that size"
            )


def _describe_known(plan: Plan, costs: list[Cost], speed: Speed, listed: int) -> Iterator[str]:
    known = {cost.title: cost.flops for cost in costs if cost.flops}
    disk = sum(cost.disk for cost in costs if cost.flops) / 1e6
    flops = sum(known.values())
    models = " and models" if plan.experiment.keep_models else ""
    yield f"disk for predictions{models}: about {disk:,.0f} MB"
    yield (
        f"{flops:.2e} FLOPs, about {_hours(flops, speed)} one after another at "
        f"{speed.flops / 1e9:,.0f} GFLOP/s ({speed.source})"
    )
    if not listed:
        return
    at_once = (f"{n}: {_hours(makespan([*known.values()], n), speed)}" for n in DEVICES)
    yield f"on {', '.join(at_once)} of them at once, the most expensive first"
    yield "most expensive:"
    for title in sorted(known, key=lambda title: -known[title])[:listed]:
        yield f"  {_hours(known[title], speed):>9}  {title}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _describe_models(plan: Plan) -> Iterator[str]:
    """Yield what the models that stay for new predictions take."""
    tasks, kept, until_then = plan.best_models()
    if kept and plan.pending:
        yield (
            f"models of the best arm of {', '.join(tasks)} are kept: about {kept / 1e6:,.0f} MB, "
            f"and {until_then / 1e6:,.0f} MB until all arms are trained; 'keep_models: false' "
            "keeps none"
        )


def _hours(flops: float, speed: Speed) -> str:
    hours = flops / speed.flops / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _read_task_size(path: Path) -> TaskSize | None:
    """Return the size of a task's tokens, or None if there are none yet."""
    if not path.is_file():
        return None
    table, metadata = read_with_metadata(path)
    counts = table["split"].value_counts()
    return TaskSize(
        train=int(counts.get("train", 0)),
        dev=int(counts.get("dev", 0)),
        test=int(counts.get("test", 0)),
        tokens=float(table["length"].mean()) + SPECIAL_TOKENS,
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
        case _:
            return f"scores of music21 {source.version}"
