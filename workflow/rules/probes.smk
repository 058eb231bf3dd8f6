# How trainable each model is where it begins.


rule probe:
    input:
        tokens=tokens_of,
        vocabulary=f"{VOCABULARY}/vocabulary.parquet",
        model=MODEL_MANIFEST,
    output:
        f"{PROBE}/probes.parquet",
    log:
        f"{LOGS}/probes/{{task}}.{{model}}.{{init}}.{{mapping}}.log",
    # On a cluster, with more memory and time when there was too little.
    retries: 2 if workflow.is_main_process else 0
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: probing_of(wildcards).mem_mb * attempt,
        runtime=lambda wildcards, attempt: probing_of(wildcards).minutes * attempt,
    params:
        condition=lambda wildcards: json.dumps(probed_as(wildcards).columns),
        recipe=lambda wildcards: RECIPES[probed_as(wildcards).recipe],
        metric=lambda wildcards: dataset_of(wildcards).headline,
        seed=EXPERIMENT.seed,
        replicates=EXPERIMENT.runs,
        crossed=CROSSED,
        settings=as_json(EXPERIMENT.probes),
        code_version=versions.PROBES,
    script:
        "../scripts/probe.py"


rule collect_probes:
    input:
        probes_of_every_beginning(),
    output:
        f"{RESULTS}/probes.parquet",
    log:
        f"{LOGS}/probes.log",
    params:
        code_version=versions.PROBES,
    script:
        "../scripts/collect_probes.py"
