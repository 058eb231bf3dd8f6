"""Estimate operations, memory and time of jobs from the sizes of their task and model.

Cheap enough for Snakemake's planning: nothing here reads a table or imports torch.

Why not one constant per model size: in resources/experiments/paper.yaml the conditions of one model
need 14 to 4,229 minutes and 6.5 to 28.5 GB by this estimate. The constant that suffices for all
asks for four times the time that they need on average (tests/planning/test_cost.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymath.experiment.analyses import BLOCKS, JACOBIAN_CHUNK, READING_BATCH
from polymath.experiment.conditions import Condition
from polymath.experiment.config import Experiment
from polymath.experiment.datasets import Dataset
from polymath.experiment.models import ModelSize
from polymath.experiment.paths import ResultPaths
from polymath.experiment.reading_limit import positions_in
from polymath.experiment.recipes import Recipe, Schedule, TrainingRecipe
from polymath.experiment.representation_studies import CENTRINGS, RepresentationStudy
from polymath.experiment.sources import ConfiguredSource, MadeSource, PretrainSource
from polymath.experiment.synthetic import DEV_SEQUENCES
from polymath.util.errors import DamagedError
from polymath.util.storage import read_json

# A backward pass makes two matrix products for each of the forward pass.
TRAINING_PASSES = 3
# The fields of a config.json that hold a model's dimensions, by the names that families use.
FIELDS = {
    "layers": ("num_hidden_layers", "n_layers", "n_layer"),
    "width": ("hidden_size", "dim", "n_embd"),
    "intermediate": ("intermediate_size", "hidden_dim", "n_inner"),
    "vocabulary": ("vocab_size",),
}

# What a job asks of a scheduler. Generous: a job that asked for too little is retried with more,
# and resumes from its checkpoint.
ASSUMED_FLOPS = 1e13  # FLOP/s that an older GPU reaches with small batches
ASSUMED_CORE_FLOPS = 5e9  # of one core in float64: of comparisons, which reached 6e9 on a busy one
SAFETY = 2
START_MINUTES = 10  # to start Python twice, load libraries and data, and record the first steps
BASE_MB = 4000  # libraries, a CUDA context, and the data
BYTES_PER_PARAMETER = 20  # weights, gradients, Adam's two moments, and a copy to be written
HEAD_WIDTH = 64  # of the attention heads of most encoders
FP32_FACTOR = 2  # over the bf16 that the formula counts
FP32_BYTES, FP64_BYTES = 4, 8


@dataclass(frozen=True)
class TaskSize:
    """A task's rows per split, and tokens per row including the special ones."""

    train: int
    dev: int
    test: int
    tokens: float
    outputs: int


# For a task or a model of unknown size.
ASSUMED_ROWS = (100_000, 10_000, 10_000)
ASSUMED_SIZE = ModelSize(layers=12, width=768, intermediate=3072, vocabulary=50_000)


@dataclass(frozen=True)
class Needs:
    """What a job asks of a scheduler at its first attempt; attempt n asks for n times as much."""

    mem_mb: int
    minutes: int


def forward_flops(size: ModelSize, length: float) -> float:
    """Return the FLOPs of one sequence's forward pass through a Transformer encoder.

    Matrix products alone, two FLOPs for each multiplication with addition: in each layer and for
    each token 4w² weights of attention and 2wi of the feed-forward part, and 2wL products of
    scores and of values. Source: J. Kaplan et al., Scaling laws for neural language models, 2020,
    table 1.
    """
    per_token = 2 * (4 * size.width**2 + 2 * size.width * size.intermediate)
    return size.layers * length * (per_token + 4 * length * size.width)


def activation_bytes(size: ModelSize, sequences: int, length: float) -> float:
    """Return the bytes that autograd keeps of a forward pass, in fp32.

    Source: V. Korthikanti et al., Reducing activation recomputation in large transformer models,
    2022 (arXiv 2205.05198), equation 1.
    """
    heads = size.width / HEAD_WIDTH
    per_layer = sequences * length * (34 * size.width + 5 * heads * length)
    return FP32_FACTOR * size.layers * per_layer


def count_parameters(size: ModelSize) -> int:
    """Return roughly how many parameters a model has: matrices and word embeddings."""
    layer = 4 * size.width**2 + 2 * size.width * size.intermediate
    return size.layers * layer + size.vocabulary * size.width


def count_runs(recipe: Recipe, replicates: int) -> int:
    """Return how many trainings a condition takes: trials of its rates, and its replicates."""
    return len(recipe.rates) * recipe.trials + replicates


def finetuning_flops(recipe: Recipe, fraction: float, task: TaskSize, model: ModelSize) -> float:
    """Return the FLOPs of one run of a condition, its dev and test scores included."""
    examples = max(1, round(task.train * fraction))
    schedule = Schedule(recipe, examples)
    passes = 1 if recipe.tuning == "head" else TRAINING_PASSES
    trained = schedule.steps * min(recipe.batch_size, examples) * passes
    scored = task.dev * (len(schedule.evaluations) + 2) + task.test
    return forward_flops(model, task.tokens) * (trained + scored)


def pretraining_flops(recipe: TrainingRecipe, task: TaskSize, model: ModelSize) -> float:
    """Return the FLOPs of pre-training a model."""
    schedule = Schedule(recipe, task.train)
    trained = schedule.steps * min(recipe.batch_size, task.train) * TRAINING_PASSES
    scored = task.dev * (len(schedule.evaluations) + 1)
    return forward_flops(model, task.tokens) * (trained + scored)


def synthetic_size(source: PretrainSource) -> TaskSize | None:
    """Return the size of what is generated to pre-train a model; None if it reads a task."""
    data = source.synthetic
    if data is None:
        return None
    tokens = data.length + 2
    return TaskSize(train=data.sequences, dev=DEV_SEQUENCES, test=0, tokens=tokens, outputs=1)


def catalogued_size(dataset: Dataset) -> TaskSize | None:
    """Return the catalogue's counts, with every sequence at the longest length allowed."""
    if dataset.rows:
        return _with_longest_sequences(dataset, _in_windows(dataset, dataset.rows.model_dump()))
    if dataset.about:
        return _with_longest_sequences(dataset, dataset.about.model_dump())
    return None


def dimensions_in(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the dimensions that a config.json states; GPT-2 implies its intermediate one."""
    implied = {"intermediate": 4 * int(config["n_embd"])} if config.get("n_embd") else {}
    return implied | {
        dimension: int(config[name])
        for dimension, names in FIELDS.items()
        for name in names
        if config.get(name) is not None
    }


class Estimator:
    """Estimate an experiment's jobs from what is known of its data and models so far."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.paths = ResultPaths.of(experiment.results)
        self._files: dict[Path, dict[str, Any]] = {}

    def model_size(self, model: str) -> ModelSize | None:
        """Return a model's dimensions: from its files, else the catalogue, else its base."""
        entry = self.experiment.checkpoints[model]
        config = self._config(model)
        if config is not None:
            return _size_in(config) or entry.size
        if entry.size is not None or not isinstance(entry.source, MadeSource):
            return entry.size
        base = self.model_size(entry.source.base)
        if base is None or not isinstance(entry.source, ConfiguredSource):
            return base
        return base.model_copy(update=dimensions_in(entry.source.config))

    def positions(self, model: str) -> int | None:
        """Return how many tokens a model that is here reads; None if that is unknown."""
        config = self._config(model)
        return None if config is None else positions_in(config)

    def median_length(self, task: str) -> tuple[float, str] | None:
        """Return the median length of a task's records and its unit, once they are prepared."""
        card = self._read(self.paths.card(task))
        return None if card is None else (card["length"]["median"], card["length"]["unit"])

    def task_size(self, task: str) -> TaskSize:
        """Return an upper bound of a task's size: from its data card, else the catalogue, else
        assumed."""
        dataset = self.experiment.datasets[task]
        card = self._read(self.paths.card(task))
        if card is not None and "splits" in card:
            return _with_longest_sequences(dataset, _in_windows(dataset, card["splits"]))
        assumed = dict(zip(("train", "dev", "test"), ASSUMED_ROWS, strict=True))
        return catalogued_size(dataset) or _with_longest_sequences(dataset, assumed)

    def finetuning(self, condition: Condition) -> Needs:
        """Return what a condition's job needs, all its runs."""
        recipe = self.experiment.recipes[condition.base_recipe]
        task, model = self.task_size(condition.task), self._size_or_assumed(condition.model)
        runs = count_runs(recipe, self.experiment.runs)
        flops = runs * finetuning_flops(recipe, float(condition.fraction), task, model)
        return _training_needs(recipe, flops, task, model)

    def pretraining(self, name: str) -> Needs:
        """Return what the job needs that pre-trains a model."""
        source = self.experiment.checkpoints[name].source
        assert isinstance(source, PretrainSource)
        model = self._size_or_assumed(source.base)
        task = synthetic_size(source) or self.task_size(str(source.task))
        flops = pretraining_flops(source.recipe, task, model)
        return _training_needs(source.recipe, flops, task, model)

    def comparing(self, study: RepresentationStudy) -> Needs:
        """Return an upper bound for the job that compares models, each taken for the largest.

        Memory: of each model and one more random one, weights (twice while they are loaded), hidden
        states of the tokens asked for and three d x d matrices per layer and view; such matrices of
        each block; four layers in float64; and the activations of a batch in two models. Time: for
        every pair of replicates, each pair of layers once, and each layer once per further view
        and resample, at 2nd² operations for the sums over n tokens and 40d³ for their
        decompositions; all again after fine-tuning.
        """
        settings = self.experiment.representations
        assert settings is not None
        conditions = study.conditions
        size = _largest([self._size_or_assumed(condition.model) for condition in conditions])
        length = self.task_size(study.text.task).tokens
        layers, models = size.layers + 1, settings.replicates * (len(conditions) + 1)
        memory: float = models * 2 * FP32_BYTES * count_parameters(size)
        memory += models * layers * FP32_BYTES * (settings.tokens + length) * size.width
        views = len(CENTRINGS)
        memory += FP64_BYTES * (3 * models * layers * views + 4 * BLOCKS) * size.width**2
        memory += FP64_BYTES * 4 * (settings.tokens + length) * size.width
        memory += 2 * activation_bytes(size, READING_BATCH, length)
        flops_per_value = 2 * settings.tokens * size.width**2 + 40 * size.width**3
        values = layers**2 + layers * (views - 1 + settings.bootstraps + settings.permutations)
        pairs = 2 * settings.replicates * (len(conditions) - 1)
        pairs *= 1 + bool(self.experiment.keep_models)
        return _needs(memory, pairs * values * flops_per_value / ASSUMED_CORE_FLOPS)

    def probing(self, condition: Condition) -> Needs:
        """Return an upper bound for the job that probes a condition's first replicates.

        Memory: a gradient of each batch three times over and eight more copies of the weights, the
        activations of the rows that are differentiated twice or of a Jacobian's rows, and its
        decomposition. Time: passes of gradients, noise, ascent, power iteration (a derivative of a
        gradient takes three) and Jacobian, and 4 operations for each of its entries and rows.
        """
        settings = self.experiment.probes
        assert settings is not None
        size = self._size_or_assumed(condition.model)
        length = self.task_size(condition.task).tokens
        memory: float = (3 * settings.gradients + 8) * FP32_BYTES * count_parameters(size)
        memory += activation_bytes(size, max(2 * settings.examples, JACOBIAN_CHUNK), length)
        memory += 3 * FP64_BYTES * length * size.width**2
        per_row = 2 * settings.draws + 3 + TRAINING_PASSES * (1 + 3 * settings.iterations)
        passes = TRAINING_PASSES * settings.gradients * settings.batch_size
        passes += settings.examples * per_row + settings.sequences * (1 + 2 * size.width)
        seconds = passes * forward_flops(size, length) / ASSUMED_FLOPS
        seconds += settings.sequences * 4 * length * size.width**3 / ASSUMED_CORE_FLOPS
        return _needs(memory, min(settings.replicates, self.experiment.runs) * seconds)

    def _size_or_assumed(self, model: str) -> ModelSize:
        return self.model_size(model) or ASSUMED_SIZE

    def _config(self, model: str) -> dict[str, Any] | None:
        """Return the config.json of a model that is fetched, wherever it lies."""
        path = self.paths.model_manifest(model)
        manifest = self._read(path) or {}
        files = [path.parent / file["path"] for file in manifest.get("files", [])]
        return next((self._read(file) for file in files if file.name == "config.json"), None)

    def _read(self, path: Path) -> dict[str, Any] | None:
        """Return a JSON file's content, read once, or None as long as there is no such file.

        One that is damaged is made again, and tells nothing until then.
        """
        if path not in self._files and path.is_file():
            try:
                content = read_json(path)
            except DamagedError:
                return None
            if isinstance(content, dict):
                self._files[path] = content
        return self._files.get(path)


def _size_in(config: Mapping[str, Any]) -> ModelSize | None:
    """Return the dimensions that a config.json states; None if they are not all there, or odd."""
    try:
        return ModelSize.model_validate(dimensions_in(config))
    except (TypeError, ValueError, OverflowError):  # pydantic's error is a ValueError
        return None


def _in_windows(dataset: Dataset, counts: Mapping[str, int]) -> dict[str, int]:
    """Return an upper bound of the rows where sequences are cut into windows."""
    windows = (dataset.windows.limit or 1) if dataset.windows else 1
    return {split: windows * counts[split] for split in ("train", "dev", "test")}


def _with_longest_sequences(dataset: Dataset, counts: Mapping[str, int]) -> TaskSize:
    return TaskSize(
        **{split: counts[split] for split in ("train", "dev", "test")},
        tokens=dataset.max_length + 2,
        outputs=len(dataset.labels or "ab"),
    )


def _training_needs(
    recipe: TrainingRecipe, flops: float, task: TaskSize, model: ModelSize
) -> Needs:
    sequences = recipe.batch_size // recipe.accumulation
    memory = activation_bytes(model, sequences, task.tokens)
    memory += BYTES_PER_PARAMETER * count_parameters(model)
    return _needs(memory, flops / ASSUMED_FLOPS)


def _needs(memory: float, seconds: float) -> Needs:
    """Return the request for a job of so many bytes and seconds."""
    return Needs(
        mem_mb=BASE_MB + math.ceil(memory / 1e6),
        minutes=START_MINUTES + math.ceil(SAFETY * seconds / 60),
    )


def _largest(sizes: list[ModelSize]) -> ModelSize:
    """Return the largest of each dimension."""
    dimensions = ModelSize.model_fields
    return ModelSize(**{name: max(getattr(size, name) for size in sizes) for name in dimensions})
