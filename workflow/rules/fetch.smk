# Raw files of data sets and models, each with a manifest of checksums. On a cluster these run where
# Snakemake runs: fetching needs a network, which compute nodes often lack.

from polymath.data.fetch.local import list_path
from polymath.experiment.sources import ConfiguredSource, MadeSource, PathSource

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


def cores_to_fetch(wildcards):
    """Cores of a download: rendering scores takes several, all else one."""
    return SEVERAL_CORES if data_source(wildcards).kind == "music21" else 1


rule fetch_data:
    input:
        own_data,
    output:
        PATHS.raw_manifest(),
    log:
        PATHS.log("fetch/raw", "{task}"),
    priority: 30
    localrule: True
    threads: cores_to_fetch
    params:
        source=data_source_param,
        code_version=versions.FETCH,
    script:
        "../scripts/fetch.py"


use rule fetch_data as fetch_model with:
    input:
        own_model,
    output:
        PATHS.model_manifest(),
    log:
        PATHS.log("fetch/models", "{model}"),
    wildcard_constraints:
        model=exactly(FETCHED_MODELS),
    localrule: True
    threads: 1
    params:
        source=model_source_param,
        code_version=versions.FETCH,


rule configure_model:
    input:
        own_weights,
        base=base_of,
    output:
        PATHS.model_manifest(),
    log:
        PATHS.log("configure", "{model}"),
    wildcard_constraints:
        model=exactly(CONFIGURED_MODELS),
    priority: 30
    localrule: True
    params:
        source=model_source_param,
        code_version=versions.FETCH,
    script:
        "../scripts/configure_model.py"
