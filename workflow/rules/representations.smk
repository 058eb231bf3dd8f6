# Hidden states of a text model compared with those of a random one and of in-domain ones.


rule compare_representations:
    input:
        compared_trained_models,
        tokens=tokens_of,
        vocabularies=compared_vocabularies,
        models=compared_models,
    output:
        similarity=PATHS.representations("similarity.parquet"),
        heads=PATHS.representations("heads.parquet"),
    log:
        PATHS.log("representations", "{task}", "{model}", "{mapping}"),
    retries: RETRIES
    threads: 1
    resources:
        **asks(representations_needs),
    params:
        job=representations_job,
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/compare_representations.py"


rule collect_representations:
    input:
        similarity=all_representations("similarity.parquet"),
        heads=all_representations("heads.parquet"),
    output:
        similarity=PATHS.collected("similarity"),
        heads=PATHS.collected("heads"),
    log:
        PATHS.log("representations"),
    localrule: True
    params:
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/collect_tables.py"
