# How trainable each model is before training.


rule probe:
    input:
        tokens=tokens_of,
        vocabulary=PATHS.vocabulary(),
        model=model_of,
    output:
        PATHS.probes(),
    log:
        PATHS.log("probes", "{task}", "{model}", "{init}", "{mapping}"),
    retries: RETRIES
    threads: 1
    resources:
        **asks(probing_needs),
    params:
        job=probing_job,
        code_version=versions.PROBES,
    script:
        "../scripts/probe.py"


rule collect_probes:
    input:
        probes=[PATHS.probes(*probed) for probed in PROBED],
    output:
        probes=PATHS.collected("probes"),
    log:
        PATHS.log("probes"),
    localrule: True
    params:
        code_version=versions.PROBES,
    script:
        "../scripts/collect_tables.py"
