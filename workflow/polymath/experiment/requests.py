"""What the experiment asks of each result: its stage's parameters, and the files it is made from.

Rules take their parameters from here, and the results that exist are compared with them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from polymath.experiment import stage_versions as versions
from polymath.experiment.conditions import Condition
from polymath.experiment.config import Experiment
from polymath.experiment.datasets import OF_ONE_CLASS, SimilarityGroups
from polymath.experiment.lineage import (
    OWN_TOKENIZER,
    checkpoint_of,
    lineage_of,
    own_checkpoints,
    pretrained_here,
    spelling_of,
    tokenizer_of,
)
from polymath.experiment.paths import ResultPaths
from polymath.experiment.sources import PretrainSource

# What only later stages use is left out, so that changing it reruns only those; the source is
# described in the manifest of what was fetched.
NOT_FOR_RECORDS = {"source", "metric", "max_length", "windows", "about", "notes", "checked"}
EVIDENCE_VERSIONS = [
    versions.MATRIX,
    versions.COMPARISONS,
    versions.CONVERGENCE,
    versions.SENSITIVITY,
    versions.VARIANCE,
    versions.EFFECTIVE_DATA,
]


@dataclass(frozen=True)
class Request:
    """One result: where it lies, the parameters that determine it, and its inputs by name."""

    path: Path
    asked: Mapping[str, Any]
    inputs: Mapping[str, Path | list[Path]]
    companion: Path | None = None
    """A file that is written with a table, which states its SHA-256."""


def as_param(value: BaseModel) -> dict[str, Any]:
    """Return a typed value as a rule's parameter: without defaults, so that a key that is added to
    Polymath makes no result stale."""
    return value.model_dump(mode="json", exclude_defaults=True)


class Requests:
    """An experiment's parameters of each stage, and the results that they ask for."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.paths = ResultPaths.of(experiment.results)
        # Made once: a large matrix asks for them thousands of times.
        self.recipes = {name: as_param(recipe) for name, recipe in experiment.recipes.items()}
        self.crossed = dict(sorted(experiment.crossed.items()))
        self.lineage = lineage_of(experiment).model_dump()
        self.own_checkpoints = own_checkpoints(experiment)
        self.replication = {
            "seed": experiment.seed,
            "replicates": experiment.runs,
            **({"crossed": self.crossed} if self.crossed else {}),
        }

    def preparation_job(self, task: str) -> dict[str, Any]:
        """What a task's records depend on beside its files."""
        dataset = self.experiment.datasets[task]
        # `labels` orders the classes already.
        last = {"positive"} if dataset.positive == (dataset.labels or (None,))[-1] else set()
        described = dataset.model_dump(
            mode="json", exclude=NOT_FOR_RECORDS | last, exclude_defaults=True
        )
        return {"dataset": described, "seed": self.experiment.seed}

    def tokenization_job(self, task: str, tokenizer: str) -> dict[str, Any]:
        """How a task's sequences are cut into symbols, or spelled for a model's own tokenizer."""
        dataset = self.experiment.datasets[task]
        alphabet = dataset.alphabet
        if tokenizer != OWN_TOKENIZER and alphabet.kind != "model":
            alphabet = spelling_of(self.experiment, tokenizer)
        windows = {"windows": as_param(dataset.windows)} if dataset.windows else {}
        return {"alphabet": as_param(alphabet), "max_length": dataset.max_length, **windows}

    def shortcuts_job(self, task: str) -> dict[str, Any]:
        """What the search for shortcuts depends on beside the records."""
        dataset = self.experiment.datasets[task]
        return {
            "alphabet": as_param(dataset.alphabet),
            "similarity_groups": as_param(dataset.similarity_groups or SimilarityGroups()),
            **self.scoring_job(task),
        }

    def scoring_job(self, task: str) -> dict[str, Any]:
        """Return the metric of a task, and the positive class if one is named."""
        dataset = self.experiment.datasets[task]
        named = {"positive": dataset.positive} if dataset.positive else {}
        return {"metric": dataset.headline, **named}

    def mapping_job(self, mapping: str) -> dict[str, Any]:
        """What a mapping depends on beside its inputs."""
        shift = {"shift": self.experiment.shift} if mapping == "shift" else {}
        trials = {"trials": self.experiment.trials} if self.experiment.trials else {}
        return {**self.replication, **trials, **shift}

    def training_job(self, condition: Condition) -> dict[str, Any]:
        """What a condition's replicates depend on beside their input files."""
        condition = condition.trained
        recipe = {} if condition.is_baseline else {"recipe": self.recipes[condition.base_recipe]}
        dataset = self.experiment.datasets[condition.task]
        # A class that is named is the last one.
        of_one = dataset.type == "classification" and dataset.headline in OF_ONE_CLASS
        rarer = dataset.positive is None and of_one
        return {
            "condition": condition.columns,
            **recipe,
            "metric": dataset.headline,
            **({"rarer_positive": True} if rarer else {}),
            **self.replication,
        }

    def training(self, condition: Condition) -> dict[str, Any]:
        """The parameters that determine a condition's predictions and curves."""
        version = versions.BASELINES if condition.is_baseline else versions.TRAINING
        return {"job": self.training_job(condition), "code_version": version}

    def pretraining_job(self, model: str) -> dict[str, Any]:
        """What a pre-trained model depends on beside its inputs.

        One of a task's own reads its training rows alone.
        """
        source = as_param(self.experiment.checkpoints[model].source)
        own = {"own": True} if model in self.own_checkpoints else {}
        return {"source": source, "seed": self.experiment.seed, **own}

    def model_manifest(self, task: str, model: str) -> Path:
        """The manifest of the checkpoint that a model is on a task."""
        return self.paths.model_manifest(checkpoint_of(self.experiment, task, model))

    def pretraining_inputs(self, source: PretrainSource) -> dict[str, Path | list[Path]]:
        """The files that a model is pre-trained from."""
        inputs: dict[str, Path | list[Path]] = {"base": self.paths.model_manifest(source.base)}
        if source.task is not None:
            names = (source.task, source.base, source.mapping)
            tokenizer = tokenizer_of(self.experiment, *names)
            inputs["tokens"] = self.paths.tokens(source.task, tokenizer)
            inputs["vocabulary"] = self.paths.vocabulary(*names)
        return inputs

    def all(self, conditions: list[Condition]) -> Iterator[Request]:
        """Yield the results of these conditions that others are made from, inputs first."""
        yield from self._data(conditions)
        for condition in conditions:
            predictions = self.predictions(condition)
            yield predictions
            if condition.trained == condition:
                yield replace(predictions, path=self.paths.curves(condition))
        yield from self._evidence(conditions)

    def _data(self, conditions: list[Condition]) -> Iterator[Request]:
        pretrained = pretrained_here(self.experiment)
        readings = dict.fromkeys(
            [
                *((s.task, s.base, s.mapping) for s in pretrained.values() if s.task),
                *((c.task, c.model, c.mapping) for c in conditions),
            ]
        )
        tokens = dict.fromkeys(
            (names[0], tokenizer_of(self.experiment, *names)) for names in readings
        )
        for task in dict.fromkeys(task for task, _ in tokens):
            yield self._records(task)
            yield replace(self._records(task), path=self.paths.card(task))
        yield from map(self._shortcuts, self.experiment.tasks)
        yield from (self._tokens(*names) for names in tokens)
        for names in readings:
            if names[1] in self.experiment.checkpoints:  # a baseline reads the tokens alone
                yield self._vocabulary(*names)
        yield from (self._pretrained(name, source) for name, source in pretrained.items())

    def _records(self, task: str) -> Request:
        asked = {"job": self.preparation_job(task), "code_version": versions.RECORDS}
        return Request(self.paths.records(task), asked, {"manifest": self.paths.raw_manifest(task)})

    def _shortcuts(self, task: str) -> Request:
        asked = {"job": self.shortcuts_job(task), "code_version": versions.SHORTCUTS}
        return Request(self.paths.shortcuts(task), asked, {"records": self.paths.records(task)})

    def _tokens(self, task: str, tokenizer: str) -> Request:
        asked = {"job": self.tokenization_job(task, tokenizer), "code_version": versions.TOKENS}
        inputs: dict[str, Path | list[Path]] = {"records": self.paths.records(task)}
        alphabet = self.experiment.datasets[task].alphabet
        if tokenizer == OWN_TOKENIZER and alphabet.file:
            inputs["own"] = Path(alphabet.file)
        if tokenizer != OWN_TOKENIZER:
            inputs["model"] = self.model_manifest(task, tokenizer)
        symbols = self.paths.symbols(task, tokenizer)
        return Request(self.paths.tokens(task, tokenizer), asked, inputs, symbols)

    def _vocabulary(self, task: str, model: str, mapping: str) -> Request:
        asked = {"job": self.mapping_job(mapping), "code_version": versions.VOCABULARY}
        tokenizer = tokenizer_of(self.experiment, task, model, mapping)
        inputs: dict[str, Path | list[Path]] = {
            "symbols": self.paths.symbols(task, tokenizer),
            "model": self.model_manifest(task, model),
        }
        if mapping == "frequency":
            inputs["tokens"] = self.paths.tokens(task, tokenizer)
        return Request(self.paths.vocabulary(task, model, mapping), asked, inputs)

    def _pretrained(self, name: str, source: PretrainSource) -> Request:
        asked = {"job": self.pretraining_job(name), "code_version": source.code_version}
        return Request(self.paths.model_manifest(name), asked, self.pretraining_inputs(source))

    def predictions(self, condition: Condition) -> Request:
        """A condition's predictions."""
        inputs = self.training_inputs(condition)
        return Request(self.paths.predictions(condition), self.training(condition), inputs)

    def training_inputs(self, condition: Condition) -> dict[str, Path | list[Path]]:
        """The files that a condition is trained on."""
        names = (condition.task, condition.model, condition.mapping)
        tokenizer = tokenizer_of(self.experiment, *names)
        inputs: dict[str, Path | list[Path]] = {"tokens": self.paths.tokens(names[0], tokenizer)}
        if not condition.is_baseline:
            inputs["vocabulary"] = self.paths.vocabulary(*names)
            inputs["model"] = self.model_manifest(condition.task, condition.model)
        return inputs

    def tables(self, conditions: Iterable[Condition]) -> list[str]:
        """The tables of evidence: some need several learning rates or fractions, or crossed
        streams.
        """
        trained = [condition for condition in conditions if not condition.is_baseline]
        recipes = {condition.base_recipe for condition in trained}
        tables = ["estimates", "comparisons", "summary", "convergence"]
        if any(len(self.experiment.recipes[recipe].rates) > 1 for recipe in recipes):
            tables.append("rates")
        if any(levels > 1 for levels in self.crossed.values()):
            tables.append("variance")
        if len({condition.fraction for condition in trained}) > 1:
            tables.append("effective_data")
        return tables

    def _evidence(self, conditions: list[Condition]) -> Iterator[Request]:
        predictions: dict[str, list[Path]] = {task: [] for task in self.experiment.tasks}
        for condition in conditions:
            predictions[condition.task].append(self.paths.predictions(condition))
        for task, paths in predictions.items():
            asked = {"job": self.scoring_job(task), "code_version": versions.SCORES}
            yield Request(self.paths.scores(task), asked, {"predictions": paths})
        evidence = {
            "lineage": self.lineage,
            "crossed": self.crossed,
            "code_version": EVIDENCE_VERSIONS,
        }
        scores: list[Path] = [self.paths.scores(task) for task in self.experiment.tasks]
        for path in (self.paths.matrix(), *map(self.paths.evidence, self.tables(conditions))):
            yield Request(path, evidence, {"scores": scores})

    def fetched(self) -> Iterator[tuple[Path, BaseModel]]:
        """Yield each manifest of fetched files with its source."""
        for name, dataset in self.experiment.datasets.items():
            yield self.paths.raw_manifest(name), dataset.source
        for name, entry in self.experiment.checkpoints.items():
            if not isinstance(entry.source, PretrainSource):
                yield self.paths.model_manifest(name), entry.source
