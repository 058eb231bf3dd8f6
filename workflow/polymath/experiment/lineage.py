"""What each model is: pre-trained on which domain, with which weights, by whose tokenizer."""

from polymath.experiment.base import StrictModel
from polymath.experiment.config import TOKEN_MAPPINGS, Experiment, own_checkpoint
from polymath.experiment.datasets import Alphabet
from polymath.experiment.sources import SELF, ConfiguredSource, MadeSource, PretrainSource
from polymath.experiment.synthetic import DOMAIN as SYNTHETIC

OWN_TOKENIZER = "own"  # of a task: its own alphabet's


class Lineage(StrictModel):
    """What comparisons need to know of an experiment's models."""

    domains: dict[str, str]
    """The domain that each model with weights of its own was pre-trained on; of synthetic sequences
    `synthetic`, which is no task's, and of each task's own ones `self`, which is every task's."""
    bases: dict[str, str]
    """Of each model pre-trained here, the model whose architecture it has."""


def lineage_of(experiment: Experiment) -> Lineage:
    """Return the lineage of an experiment's models."""
    domains = {name: pretraining_domain(experiment, name) for name in experiment.checkpoints}
    return Lineage(
        domains={name: domain for name, domain in domains.items() if domain is not None},
        bases={
            name: entry.source.base
            for name, entry in experiment.checkpoints.items()
            if isinstance(entry.source, PretrainSource)
        },
    )


def pretraining_domain(experiment: Experiment, model: str) -> str | None:
    """Return the domain that a model's own weights were trained on; None if it has no weights."""
    entry = experiment.checkpoints[model]
    if isinstance(entry.source, PretrainSource):
        if entry.source.task is None:
            return SYNTHETIC
        return SELF if entry.source.is_self else experiment.datasets[entry.source.task].domain
    if isinstance(entry.source, ConfiguredSource) and entry.source.weights is None:
        return None
    return entry.domain


def checkpoint_of(experiment: Experiment, task: str, model: str) -> str:
    """Return which checkpoint a model is on a task: its own one, where each task has one."""
    source = experiment.checkpoints[model].source
    is_self = isinstance(source, PretrainSource) and source.is_self
    return own_checkpoint(model, task) if is_self else model


def pretrained_here(experiment: Experiment) -> dict[str, PretrainSource]:
    """Return the models that the workflow pre-trains: a model of each task's own once per task."""
    return {
        name: entry.source
        for name, entry in experiment.checkpoints.items()
        if isinstance(entry.source, PretrainSource) and not entry.source.is_self
    }


def own_checkpoints(experiment: Experiment) -> frozenset[str]:
    """Return the checkpoints that are pre-trained on the sequences of the task they serve."""
    return frozenset(
        own_checkpoint(name, task)
        for name, entry in experiment.checkpoints.items()
        if isinstance(entry.source, PretrainSource) and entry.source.is_self
        for task in experiment.tasks
    )


def tokenizer_domain(experiment: Experiment, model: str) -> str:
    """Return the domain that a model's tokenizer reads; a made model has its base's tokenizer."""
    entry = experiment.checkpoints[model]
    if isinstance(entry.source, MadeSource):
        return tokenizer_domain(experiment, entry.source.base)
    return entry.domain


def tokenizer_of(experiment: Experiment, task: str, model: str, mapping: str) -> str:
    """Return which tokenizer reads a task: its own alphabet's, or the model's by name."""
    of_model = mapping in TOKEN_MAPPINGS and model in experiment.checkpoints
    return model if of_model else OWN_TOKENIZER


def spelling_of(experiment: Experiment, model: str) -> Alphabet:
    """Return how a domain's sequences are written out for a model's own tokenizer."""
    kmer = experiment.checkpoints[model].kmer
    return Alphabet(kind="model") if kmer is None else Alphabet(kind="kmer", k=kmer)
