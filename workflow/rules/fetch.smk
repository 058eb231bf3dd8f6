# Raw files of data sets and models, each with a manifest of checksums. On a cluster these run where
# Snakemake runs: fetching needs a network, which compute nodes often lack.


rule fetch_data:
    input:
        own_data,
    output:
        PATHS.raw_manifest(),
    log:
        PATHS.log("fetch/raw", "{task}"),
    wildcard_constraints:
        task=exactly(DOWNLOADED_TASKS),
    priority: 30
    localrule: True
    threads: 1
    params:
        source=data_source_param,
        code_version=versions.FETCH,
    script:
        "../scripts/fetch.py"


# Rendering takes minutes and all cores. It starts first: a job that waits for several cores would
# otherwise wait until there is no job left that takes one.
use rule fetch_data as render_scores with:
    input:
        own_data,
    output:
        PATHS.raw_manifest(),
    log:
        PATHS.log("fetch/raw", "{task}"),
    wildcard_constraints:
        task=exactly(RENDERED_TASKS),
    priority: 1000
    localrule: True
    threads: SEVERAL_CORES
    params:
        source=data_source_param,
        code_version=versions.FETCH,


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
