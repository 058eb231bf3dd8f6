# One job trains one condition, all its replicates.


def finetuning_job(wildcards):
    """What a condition's results depend on beside its inputs."""
    return training_job(Condition(**wildcards))


def finetuning_needs(wildcards):
    """Memory and time of a condition's job."""
    return COST.finetuning(Condition(**wildcards))


KEPT_MODELS = {"models": directory(PATHS.kept_models())}


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
