# A task's unlabelled training rows to a model that every other stage reads like any other.


rule pretrain:
    input:
        tokens=lambda wildcards: tokens_of_source(wildcards.model),
        vocabulary=lambda wildcards: vocabulary_of_source(wildcards.model),
        base=lambda wildcards: MODEL_MANIFEST.format(
            model=pretraining_of(wildcards.model).base
        ),
    output:
        manifest=MODEL_MANIFEST,
        curve=f"{RESULTS}/models/{{model}}/curve.parquet",
    log:
        f"{LOGS}/pretrain/{{model}}.log",
    wildcard_constraints:
        model=exactly(PRETRAINED),
    priority: 15
    # A job that a signal told to leave fails, and goes on from its checkpoint when retried; on a
    # cluster by whoever submitted it, not once more in the job itself.
    retries: 2 if workflow.is_main_process else 0
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: ESTIMATOR.pretraining(wildcards.model).mem_mb
        * attempt,
        runtime=lambda wildcards, attempt: ESTIMATOR.pretraining(
            wildcards.model
        ).minutes
        * attempt,
    params:
        source=lambda wildcards: as_json(pretraining_of(wildcards.model)),
        seed=EXPERIMENT.seed,
        code_version=versions.PRETRAINING,
    script:
        "../scripts/pretrain.py"
