# One job trains one condition, all its replicates.


rule finetune:
    input:
        tokens=tokens_of,
        vocabulary=PATHS.vocabulary(),
        model=PATHS.model_manifest(),
    output:
        **(KEPT_MODELS if EXPERIMENT.keep_models else {}),
        predictions=PATHS.predictions(),
        curves=PATHS.curves(),
    log:
        PATHS.log("finetune", *PATTERN.columns.values()),
    benchmark:
        PATHS.benchmark("finetune", *PATTERN.columns.values())
    wildcard_constraints:
        # Baselines, without an initialisation, have a rule of their own.
        init=exactly(EXPERIMENT.initialisations),
    priority: 10
    retries: RETRIES
    threads: 1
    resources:
        **asks(finetuning_needs),
    params:
        job=finetuning_job,
        code_version=versions.TRAINING,
    script:
        "../scripts/finetune.py"
