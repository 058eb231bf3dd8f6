# Functions of the rules from raw files to vocabularies; Snakemake's linter wants them apart.

from polymath.data.fetch.local import own_files
from polymath.experiment.lineage import OWN_TOKENIZER
from polymath.experiment.sources import (
    ConfiguredSource,
    MadeSource,
    Music21Source,
    identity_of,
)

FETCHED_MODELS = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if not isinstance(entry.source, MadeSource)
]
CONFIGURED_MODELS = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if isinstance(entry.source, ConfiguredSource)
]


RENDERED_TASKS = [
    name
    for name, entry in EXPERIMENT.datasets.items()
    if isinstance(entry.source, Music21Source)
]
DOWNLOADED_TASKS = [name for name in EXPERIMENT.datasets if name not in RENDERED_TASKS]


def data_source(wildcards):
    """Where a task's files come from."""
    return EXPERIMENT.datasets[wildcards.task].source


def model_source(wildcards):
    """Where a model's files come from."""
    return EXPERIMENT.checkpoints[wildcards.model].source


def own_data(wildcards):
    """The user's own files of a task."""
    return own_files(data_source(wildcards))


def own_model(wildcards):
    """The user's own files of a model."""
    return own_files(model_source(wildcards))


def own_weights(wildcards):
    """The user's own weights in a changed configuration of another model."""
    return own_files(model_source(wildcards))


def base_of(wildcards):
    """The model whose configuration is changed."""
    return PATHS.model_manifest(model_source(wildcards).base)


def data_source_param(wildcards):
    """The source of a task, as a parameter."""
    return as_param(data_source(wildcards))


def prepared_source_param(wildcards):
    """The source of a task as far as its records depend on it: mirrors hold the same bytes."""
    return identity_of(data_source(wildcards), exclude_defaults=True)


def model_source_param(wildcards):
    """The source of a model, as a parameter."""
    return as_param(model_source(wildcards))


def preparation_job(wildcards):
    """What a task's records depend on beside its files."""
    return REQUESTS.preparation_job(wildcards.task)


def shortcuts_job(wildcards):
    """What the search for shortcuts depends on beside the records."""
    return REQUESTS.shortcuts_job(wildcards.task)


def cores_to_prepare(wildcards):
    """Cores to read a task: each of a thousand recorded performances may take a second; the scores
    that are rendered here are short, and one core that is free is better than two to wait for.
    """
    midi = EXPERIMENT.datasets[wildcards.task].reader.format == "midi"
    return SEVERAL_CORES if midi and wildcards.task not in RENDERED_TASKS else 1


def model_with_tokenizer(wildcards):
    """The model whose tokenizer is asked for, unless the task has its own alphabet."""
    if wildcards.tokenizer == OWN_TOKENIZER:
        return []
    return REQUESTS.model_manifest(wildcards.task, wildcards.tokenizer)


def own_tokenizer(wildcards):
    """The user's own tokenizer.json, if it is the alphabet."""
    alphabet = EXPERIMENT.datasets[wildcards.task].alphabet
    of_task = wildcards.tokenizer == OWN_TOKENIZER and alphabet.kind == "tokenizer"
    return alphabet.file if of_task else []


def tokenization_job(wildcards):
    """What a task's tokens depend on beside its records."""
    return REQUESTS.tokenization_job(wildcards.task, wildcards.tokenizer)


def symbols_of(wildcards):
    """The tokenizer.json of a task under a model."""
    return PATHS.symbols(wildcards.task, tokenizer_for(wildcards))


def tokens_to_count(wildcards):
    """The task's tokens, which only the mapping by frequency looks at."""
    return tokens_of(wildcards) if wildcards.mapping == "frequency" else []


def mapping_job(wildcards):
    """What a mapping depends on beside its inputs."""
    return REQUESTS.mapping_job(wildcards.mapping)
