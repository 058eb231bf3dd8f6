# Functions of the rules from raw files to vocabularies; Snakemake's linter wants them apart.

from polymath.data.fetch.local import list_path
from polymath.experiment.datasets import SimilarityGroups
from polymath.experiment.lineage import OWN_TOKENIZER, spelling_of
from polymath.experiment.sources import (
    ConfiguredSource,
    MadeSource,
    Music21Source,
    PathSource,
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


def own_files(source):
    """The user's own files among a source's: a change in them makes what follows stale."""
    return list_path(source) if isinstance(source, PathSource) else []


def own_data(wildcards):
    """The user's own files of a task."""
    return own_files(data_source(wildcards))


def own_model(wildcards):
    """The user's own files of a model."""
    return own_files(model_source(wildcards))


def own_weights(wildcards):
    """The user's own weights in a changed configuration of another model."""
    return own_files(model_source(wildcards).weights)


def base_of(wildcards):
    """The model whose configuration is changed."""
    return PATHS.model_manifest(model_source(wildcards).base)


def data_source_param(wildcards):
    """The source of a task, as a parameter."""
    return as_param(data_source(wildcards))


def model_source_param(wildcards):
    """The source of a model, as a parameter."""
    return as_param(model_source(wildcards))


# What only later stages use is left out, so that changing it reruns only those.
FOR_LATER_STAGES = {"metric", "max_length", "windows", "about", "notes", "checked"}


def preparation_job(wildcards):
    """What a task's records depend on beside its files."""
    dataset = EXPERIMENT.datasets[wildcards.task]
    described = dataset.model_dump(
        mode="json", exclude=FOR_LATER_STAGES, exclude_defaults=True
    )
    return {"dataset": described, "seed": EXPERIMENT.seed}


def shortcuts_job(wildcards):
    """What the search for shortcuts depends on beside the records."""
    dataset = EXPERIMENT.datasets[wildcards.task]
    return {
        "alphabet": as_param(dataset.alphabet),
        "similarity_groups": as_param(dataset.similarity_groups or SimilarityGroups()),
        "metric": dataset.headline,
    }


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
    return PATHS.model_manifest(wildcards.tokenizer)


def own_tokenizer(wildcards):
    """The user's own tokenizer.json, if it is the alphabet."""
    alphabet = EXPERIMENT.datasets[wildcards.task].alphabet
    of_task = wildcards.tokenizer == OWN_TOKENIZER and alphabet.kind == "tokenizer"
    return alphabet.file if of_task else []


def tokenization_job(wildcards):
    """How a task's sequences are cut into symbols, or spelled for a model's own tokenizer."""
    dataset = EXPERIMENT.datasets[wildcards.task]
    alphabet = dataset.alphabet
    if wildcards.tokenizer != OWN_TOKENIZER and alphabet.kind != "model":
        alphabet = spelling_of(EXPERIMENT, wildcards.tokenizer)
    windows = {"windows": as_param(dataset.windows)} if dataset.windows else {}
    return {
        "alphabet": as_param(alphabet),
        "max_length": dataset.max_length,
        **windows,
    }


def symbols_of(wildcards):
    """The tokenizer.json of a task under a model."""
    return PATHS.symbols(wildcards.task, tokenizer_for(wildcards))


def tokens_to_count(wildcards):
    """The task's tokens, which only the mapping by frequency looks at."""
    return tokens_of(wildcards) if wildcards.mapping == "frequency" else []


def mapping_job(wildcards):
    """What a mapping depends on beside its inputs."""
    shift = {"shift": EXPERIMENT.shift} if wildcards.mapping == "shift" else {}
    trials = {"trials": EXPERIMENT.trials} if EXPERIMENT.trials else {}
    return {**REPLICATION, **trials, **shift}
