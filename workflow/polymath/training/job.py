"""What one training job is asked for, read from its Snakemake rule; imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymath.experiment.conditions import Condition
from polymath.experiment.recipes import Recipe
from polymath.experiment.sources import PretrainSource
from polymath.util.runtime import read_runtime


@dataclass(frozen=True)
class ScoredJob:
    """What the results of every condition depend on, and where its tokens lie."""

    condition: Condition
    metric: str
    seed: int
    replicates: int
    crossed: Mapping[str, int]
    """How many seeds of each stream are combined; see `seeds.seed_levels`."""
    tokens: Path
    rarer_positive: bool = False
    """The metric is of the rarer of two classes; otherwise of the second, as if it was named."""


@dataclass(frozen=True)
class BaselineJob(ScoredJob):
    """What a baseline's results depend on, and where its tokens lie."""

    @classmethod
    def of(cls, snakemake: Any) -> "BaselineJob":
        """Return the job of a rule with the input tokens."""
        return cls(**_read_fields(snakemake.params.job, snakemake.input.tokens))


@dataclass(frozen=True, kw_only=True)
class Job(ScoredJob):
    """What a trained condition's results depend on, and where its inputs lie."""

    recipe: Recipe
    vocabulary: Path
    model: Path
    """The manifest of the model's files."""

    @classmethod
    def of(cls, snakemake: Any) -> "Job":
        """Return the job of a rule with inputs tokens, vocabulary and model."""
        source = snakemake.input
        return cls.parse(snakemake.params.job, source.tokens, source.vocabulary, source.model)

    @classmethod
    def parse(cls, job: Mapping[str, Any], tokens: str, vocabulary: str, model: str) -> "Job":
        """Return the job that a rule's parameter `job` describes, with its input files."""
        return cls(
            **_read_fields(job, tokens),
            recipe=Recipe.model_validate(job["recipe"]),
            vocabulary=Path(vocabulary),
            model=Path(model),
        )


def _read_fields(job: Mapping[str, Any], tokens: str) -> dict[str, Any]:
    """Return the fields that all jobs have, as a rule's parameter `job` states them."""
    return {
        "condition": Condition(**job["condition"]),
        "metric": job["metric"],
        "seed": job["seed"],
        "replicates": job["replicates"],
        "crossed": job.get("crossed", {}),
        "tokens": Path(tokens),
        "rarer_positive": job.get("rarer_positive", False),
    }


@dataclass(frozen=True)
class PretrainingJob:
    """What a pre-trained model depends on, and where its inputs lie."""

    source: PretrainSource
    seed: int
    base: Path
    """The manifest of the base's files."""
    tokens: Path | None = None
    """None, as `vocabulary`, where sequences are generated."""
    vocabulary: Path | None = None
    own: bool = False
    """Whether it is for the task that it reads: its training rows alone."""

    @classmethod
    def of(cls, snakemake: Any) -> "PretrainingJob":
        """Return the job of a rule with inputs tokens, vocabulary and base."""
        job, source = snakemake.params.job, snakemake.input
        return cls(
            source=PretrainSource.model_validate(job["source"]),
            seed=job["seed"],
            base=Path(source.base),
            tokens=Path(source.tokens) if source.tokens else None,
            vocabulary=Path(source.vocabulary) if source.vocabulary else None,
            own=job.get("own", False),
        )


@dataclass(frozen=True)
class Execution:
    """How a job is run: nothing here changes a result."""

    threads: int
    checkpoint_seconds: float
    conditions_per_gpu: int = 1

    @classmethod
    def of(cls, snakemake: Any) -> "Execution":
        """Return how a rule's job is run on this machine."""
        runtime = read_runtime()
        return cls(snakemake.threads, runtime.checkpoint_seconds, runtime.conditions_per_gpu)


@dataclass(frozen=True)
class Outputs:
    """Where a job's results go.

    Attributes:
        models: None unless models are kept.
        all_models: whether a finished replicate without its model is trained again.
        shuffled: predictions of shuffled test sequences; None unless they are asked for.
    """

    predictions: Path
    curves: Path
    models: Path | None = None
    all_models: bool = True
    shuffled: Path | None = None

    @classmethod
    def of(cls, snakemake: Any) -> "Outputs":
        """Return the outputs of a rule.

        Models are its output, or lie where its parameter says until the best arm is known.
        """
        all_models = "models" in snakemake.output.keys()  # noqa: SIM118, a list with names
        models = snakemake.output.get("models") or snakemake.params.get("models")
        shuffled = snakemake.output.get("shuffled")
        return cls(
            predictions=Path(snakemake.output.predictions),
            curves=Path(snakemake.output.curves),
            models=Path(models) if models else None,
            all_models=all_models,
            shuffled=Path(shuffled) if shuffled else None,
        )
