# One job trains one condition, all its replicates.


rule finetune:
    input:
        tokens=tokens_of,
        vocabulary=f"{VOCABULARY}/vocabulary.parquet",
        model=MODEL_MANIFEST,
    output:
        **({"models": directory(f"{RUN}/models")} if EXPERIMENT.keep_models else {}),
        predictions=f"{RUN}/predictions.parquet",
        curves=f"{RUN}/curves.parquet",
    log:
        f"{LOGS}/finetune/{RUN_LOG}",
    wildcard_constraints:
        # Baselines, without an initialisation, have a rule of their own.
        init=exactly(EXPERIMENT.initialisations),
    priority: 10
    # A job that a signal told to leave fails, and goes on from its checkpoint when retried; on a
    # cluster by whoever submitted it, not once more in the job itself.
    retries: 2 if workflow.is_main_process else 0
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: needs_of(wildcards).mem_mb * attempt,
        runtime=lambda wildcards, attempt: needs_of(wildcards).minutes * attempt,
    params:
        recipe=lambda wildcards: RECIPES[wildcards.recipe],
        metric=lambda wildcards: dataset_of(wildcards).headline,
        seed=EXPERIMENT.seed,
        replicates=EXPERIMENT.runs,
        crossed=CROSSED,
        code_version=versions.TRAINING,
    script:
        "../scripts/finetune.py"
