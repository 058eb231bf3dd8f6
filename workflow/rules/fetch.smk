# Raw files of data sets and models, each with a manifest of checksums.


rule fetch_files:
    input:
        own_files,
    output:
        MANIFEST,
    log:
        f"{LOGS}/fetch/{{kind}}/{{name}}.log",
    wildcard_constraints:
        # A data set may have the name of a model that is made.
        name=f"(?<=raw/)({exactly(EXPERIMENT.datasets)})|(?<=models/)({exactly(FETCHED)})",
    priority: 30
    threads: workers_for
    params:
        source=lambda wildcards: as_json(entry_of(wildcards).source),
        code_version=versions.FETCH,
    script:
        "../scripts/fetch_files.py"


rule configure_model:
    input:
        own_weights,
        base=base_of,
    output:
        MODEL_MANIFEST,
    log:
        f"{LOGS}/configure/{{model}}.log",
    wildcard_constraints:
        model=exactly(CONFIGURED),
    priority: 30
    params:
        source=lambda wildcards: as_json(EXPERIMENT.checkpoints[wildcards.model].source),
        code_version=versions.FETCH,
    script:
        "../scripts/configure_model.py"
