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
    # A job that a signal told to leave fails, and goes on from its checkpoint when retried.
    retries: 2
    threads: 1
    resources:
        gpu=1,
    params:
        source=lambda wildcards: as_json(pretraining_of(wildcards.model)),
        seed=EXPERIMENT.seed,
        code_version=versions.PRETRAINING,
    script:
        "../scripts/pretrain.py"
