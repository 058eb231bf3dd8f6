"""What jobs take, from a task's and a model's sizes: operations, memory, time on a cluster.

Cheap enough to be asked while Snakemake plans: nothing here reads a table or imports torch.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polymath.experiment.analyses import BLOCKS, JACOBIAN_CHUNK, READING_BATCH
from polymath.experiment.conditions import Condition
from polymath.experiment.config import Experiment
from polymath.experiment.datasets import Dataset
from polymath.experiment.models import ModelSize
from polymath.experiment.recipes import Recipe, Schedule, TrainingRecipe
from polymath.experiment.representation_studies import RepresentationStudy
from polymath.experiment.sources import ConfiguredSource, MadeSource, PretrainSource

# A backward pass makes two matrix products for each of the forward pass.
TRAINING_PASSES = 3
# The fields of a config.json that say a model's dimensions, as families call them.
FIELDS = {
    "layers": ("num_hidden_layers", "n_layers"),
    "width": ("hidden_size", "dim"),
    "intermediate": ("intermediate_size", "hidden_dim"),
    "vocabulary": ("vocab_size",),
}

# What a job asks of a scheduler. Generous: one that asked for too little is tried again with
# more, and goes on from its checkpoint.
ASSUMED_FLOPS = 1e13  # FLOP/s that an older GPU reaches with small batches
ASSUMED_CORE_FLOPS = 5e9  # of one core in float64: of comparisons, which reached 6e9 on a busy one
SAFETY = 2
START_MINUTES = 10  # to start Python twice, load libraries and data, and record the first steps
BASE_MB = 4000  # libraries, a CUDA context, and the data
BYTES_A_PARAMETER = 20  # weights, gradients, Adam's two moments, and a copy to be written
HEAD_WIDTH = 64  # of the attention heads of most encoders
FP32_FACTOR = 2  # over the bf16 that the formula counts
FP32_BYTES, FP64_BYTES = 4, 8


@dataclass(frozen=True)
class Rows:
    """A task's rows by split, and the mean number of tokens that a row has with its frame."""

    train: int
    dev: int
    test: int
    tokens: float
    outputs: int


# Of a task or a model that nothing is known of yet.
ASSUMED_ROWS = (100_000, 10_000, 10_000)
ASSUMED_SIZE = ModelSize(layers=12, width=768, intermediate=3072, vocabulary=50_000)


@dataclass(frozen=True)
class Needs:
    """What a job asks of a scheduler the first time; a retry asks for as many times more."""

    mem_mb: int
    minutes: int


def forward_flops(size: ModelSize, length: float) -> float:
    """Return the FLOPs of one sequence's forward pass through a Transformer encoder.

    Matrix products alone, two FLOPs for each multiplication with addition: in each layer and for
    each token 4w² weights of attention and 2wi of the feed-forward part, and 2wL products of
    scores and of values. Source: J. Kaplan et al., Scaling laws for neural language models, 2020,
    table 1.
    """
    a_token = 2 * (4 * size.width**2 + 2 * size.width * size.intermediate)
    return size.layers * length * (a_token + 4 * length * size.width)


def activation_bytes(size: ModelSize, sequences: int, length: float) -> float:
    """Return the bytes that autograd keeps of a forward pass, in fp32.

    Source: V. Korthikanti et al., Reducing activation recomputation in large transformer models,
    2022 (arXiv 2205.05198), equation 1.
    """
    heads = size.width / HEAD_WIDTH
    a_layer = sequences * length * (34 * size.width + 5 * heads * length)
    return FP32_FACTOR * size.layers * a_layer


def count_parameters(size: ModelSize) -> int:
    """Return roughly how many parameters a model has: matrices and word embeddings."""
    layer = 4 * size.width**2 + 2 * size.width * size.intermediate
    return size.layers * layer + size.vocabulary * size.width


def count_runs(recipe: Recipe, replicates: int) -> int:
    """Return how many trainings a condition takes: trials of rates, and the rest of the best."""
    trying = min(recipe.rate_replicates or replicates, replicates)
    return len(recipe.rates) * trying + (replicates - trying)


def finetuning_flops(recipe: Recipe, fraction: float, rows: Rows, size: ModelSize) -> float:
    """Return the FLOPs of one run of a condition, its dev and test scores included."""
    examples = max(1, round(rows.train * fraction))
    schedule = Schedule(recipe, examples)
    passes = 1 if recipe.tuning == "head" else TRAINING_PASSES
    trained = schedule.steps * min(recipe.batch_size, examples) * passes
    scored = rows.dev * (len(schedule.evaluations) + 2) + rows.test
    return forward_flops(size, rows.tokens) * (trained + scored)


def pretraining_flops(recipe: TrainingRecipe, rows: Rows, size: ModelSize) -> float:
    """Return the FLOPs of pre-training a model."""
    schedule = Schedule(recipe, rows.train)
    trained = schedule.steps * min(recipe.batch_size, rows.train) * TRAINING_PASSES
    scored = rows.dev * (len(schedule.evaluations) + 1)
    return forward_flops(size, rows.tokens) * (trained + scored)


def rows_in_catalogue(dataset: Dataset) -> Rows | None:
    """Return the catalogue's numbers, with sequences as long as may be."""
    if dataset.rows:
        return _longest(dataset, _in_windows(dataset, dataset.rows.model_dump()))
    return _longest(dataset, dataset.about.model_dump()) if dataset.about else None


def size_in(config: Mapping[str, Any]) -> ModelSize | None:
    """Return the dimensions that a config.json names, or None if it lacks one."""
    named = named_sizes(config)
    return ModelSize(**named) if len(named) == len(FIELDS) else None


def named_sizes(config: Mapping[str, Any]) -> dict[str, int]:
    """Return those dimensions that a config.json names."""
    found = {
        size: next((config[name] for name in names if name in config), None)
        for size, names in FIELDS.items()
    }
    return {size: int(value) for size, value in found.items() if value is not None}


class Estimator:
    """Estimates of an experiment's jobs, by what is known of their data and models so far."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.results = Path(experiment.results)

    def size(self, model: str) -> ModelSize | None:
        """Return a model's dimensions: of its files, else of the catalogue, else of its base."""
        entry = self.experiment.checkpoints[model]
        config = self._config(model)
        if config is not None:
            return size_in(config) or entry.size
        if entry.size is not None or not isinstance(entry.source, MadeSource):
            return entry.size
        base = self.size(entry.source.base)
        if base is None or not isinstance(entry.source, ConfiguredSource):
            return base
        return base.model_copy(update=named_sizes(entry.source.config))

    def rows(self, task: str) -> Rows:
        """Return at most how many rows a task has: of its data card, else of the catalogue, else
        assumed; with sequences as long as may be."""
        dataset = self.experiment.datasets[task]
        card = self._read(self.results / "cards" / f"{task}.json")
        if card is not None:
            return _longest(dataset, _in_windows(dataset, card["splits"]))
        assumed = dict(zip(("train", "dev", "test"), ASSUMED_ROWS, strict=True))
        return rows_in_catalogue(dataset) or _longest(dataset, assumed)

    def finetuning(self, condition: Condition) -> Needs:
        """Return what a condition's job needs, all its runs."""
        recipe = self.experiment.recipes[condition.recipe]
        rows, size = self.rows(condition.task), self.size(condition.model) or ASSUMED_SIZE
        runs = count_runs(recipe, self.experiment.runs)
        flops = runs * finetuning_flops(recipe, float(condition.fraction), rows, size)
        return _needs(recipe, flops, rows, size)

    def pretraining(self, model: str) -> Needs:
        """Return what the job needs that pre-trains a model."""
        source = self.experiment.checkpoints[model].source
        assert isinstance(source, PretrainSource)
        rows, size = self.rows(source.task), self.size(source.base) or ASSUMED_SIZE
        flops = pretraining_flops(source.recipe, rows, size)
        return _needs(source.recipe, flops, rows, size)

    def comparing(self, study: RepresentationStudy) -> Needs:
        """Return a bound of what the job needs that compares models, each taken for the largest.

        Memory: of each model and one more random one, weights (twice while they are loaded), hidden
        states of the tokens asked for and three d x d matrices a layer; such matrices of each
        block; and the activations of a batch in two models. Time: of every pair of replicates,
        each pair of layers once, and each layer once a resample, at 2nd² operations for the sums
        over n tokens and 40d³ for their decompositions; all again after fine-tuning.
        """
        settings = self.experiment.representations
        assert settings is not None
        conditions = study.conditions
        size = _largest([self.size(condition.model) or ASSUMED_SIZE for condition in conditions])
        length = self.rows(study.text.task).tokens
        layers, models = size.layers + 1, settings.replicates * (len(conditions) + 1)
        held: float = models * 2 * FP32_BYTES * count_parameters(size)
        held += models * layers * FP32_BYTES * (settings.tokens + length) * size.width
        held += FP64_BYTES * (3 * models * layers + 4 * BLOCKS) * size.width**2
        held += 2 * activation_bytes(size, READING_BATCH, length)
        a_value = 2 * settings.tokens * size.width**2 + 40 * size.width**3
        values = layers**2 + layers * (settings.bootstraps + settings.permutations)
        pairs = settings.replicates * 2 * (len(conditions) - 1) * (1 + self.experiment.keep_models)
        return _asked(held, pairs * values * a_value / ASSUMED_CORE_FLOPS)

    def probing(self, condition: Condition) -> Needs:
        """Return a bound of what the job needs that probes a condition's first replicates.

        Memory: a gradient of each batch three times over and eight more copies of the weights, the
        activations of the rows that are differentiated twice or of a Jacobian's rows, and its
        decomposition. Time: passes of gradients, noise, ascent, power iteration (a derivative of a
        gradient takes three) and Jacobian, and 4 operations for each of its entries and rows.
        """
        settings = self.experiment.probes
        assert settings is not None
        size, length = self.size(condition.model) or ASSUMED_SIZE, self.rows(condition.task).tokens
        held: float = (3 * settings.gradients + 8) * FP32_BYTES * count_parameters(size)
        held += activation_bytes(size, max(2 * settings.examples, JACOBIAN_CHUNK), length)
        held += 3 * FP64_BYTES * length * size.width**2
        a_row = 2 * settings.draws + 3 + TRAINING_PASSES * (1 + 3 * settings.iterations)
        passes = TRAINING_PASSES * settings.gradients * settings.batch_size
        passes += settings.examples * a_row + settings.sequences * (1 + 2 * size.width)
        seconds = passes * forward_flops(size, length) / ASSUMED_FLOPS
        seconds += settings.sequences * 4 * length * size.width**3 / ASSUMED_CORE_FLOPS
        return _asked(held, min(settings.replicates, self.experiment.runs) * seconds)

    def _config(self, model: str) -> dict[str, Any] | None:
        """Return the config.json of a model that is fetched, wherever it lies."""
        folder = self.results / "models" / model
        manifest = self._read(folder / "manifest.json") or {"files": []}
        paths = [folder / file["path"] for file in manifest["files"]]
        return next((self._read(path) for path in paths if path.name == "config.json"), None)

    def _read(self, path: Path) -> dict[str, Any] | None:
        """Return a JSON file's content, or None; Snakemake asks thousands of times."""
        if path not in self._files and path.is_file():
            self._files[path] = json.loads(path.read_text(encoding="utf-8"))
        return self._files.get(path)

    @cached_property
    def _files(self) -> dict[Path, dict[str, Any]]:
        return {}


def _in_windows(dataset: Dataset, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the most rows there can be where sequences are cut into windows."""
    windows = (dataset.windows.limit or 1) if dataset.windows else 1
    return {split: windows * counts[split] for split in ("train", "dev", "test")}


def _longest(dataset: Dataset, counts: Mapping[str, int]) -> Rows:
    return Rows(
        **{split: counts[split] for split in ("train", "dev", "test")},
        tokens=dataset.max_length + 2,
        outputs=len(dataset.labels or "ab"),
    )


def _needs(recipe: TrainingRecipe, flops: float, rows: Rows, size: ModelSize) -> Needs:
    sequences = recipe.batch_size // recipe.accumulation
    held = activation_bytes(size, sequences, rows.tokens)
    held += BYTES_A_PARAMETER * count_parameters(size)
    return _asked(held, flops / ASSUMED_FLOPS)


def _asked(held: float, seconds: float) -> Needs:
    return Needs(
        mem_mb=BASE_MB + math.ceil(held / 1e6),
        minutes=START_MINUTES + math.ceil(SAFETY * seconds / 60),
    )


def _largest(sizes: list[ModelSize]) -> ModelSize:
    """Return the largest of each dimension."""
    each = [size.model_dump() for size in sizes]
    return ModelSize(**{name: max(one[name] for one in each) for name in each[0]})
