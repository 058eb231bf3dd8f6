# Hidden states of a text model, a random one and in-domain ones, held against each other.


rule compare_representations:
    input:
        lambda wildcards: kept_models(comparison_of(wildcards)),
        tokens=tokens_of,
        vocabularies=lambda wildcards: [
            f"{VOCABULARY}/vocabulary.parquet".format(**arm.condition.columns)
            for arm in comparison_of(wildcards).arms
        ],
        models=lambda wildcards: [
            MODEL_MANIFEST.format(model=arm.condition.model)
            for arm in comparison_of(wildcards).arms
        ],
    output:
        similarity=f"{COMPARISON}/similarity.parquet",
        heads=f"{COMPARISON}/heads.parquet",
    log:
        f"{LOGS}/representations/{{task}}.{{model}}.{{mapping}}.log",
    # On a cluster, with more memory and time when there was too little.
    retries: 2 if workflow.is_main_process else 0
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: comparing_of(wildcards).mem_mb * attempt,
        runtime=lambda wildcards, attempt: comparing_of(wildcards).minutes * attempt,
    params:
        arms=lambda wildcards: describe_arms(comparison_of(wildcards)),
        recipe=lambda wildcards: RECIPES[comparison_of(wildcards).text.recipe],
        metric=lambda wildcards: dataset_of(wildcards).headline,
        seed=EXPERIMENT.seed,
        replicates=EXPERIMENT.runs,
        crossed=CROSSED,
        settings=as_json(EXPERIMENT.representations),
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/compare_representations.py"


rule collect_representations:
    input:
        similarity=of_every_comparison("similarity.parquet"),
        heads=of_every_comparison("heads.parquet"),
    output:
        similarity=f"{RESULTS}/similarity.parquet",
        heads=f"{RESULTS}/heads.parquet",
    log:
        f"{LOGS}/representations.log",
    params:
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/collect_representations.py"
