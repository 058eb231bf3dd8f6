# A task's unlabelled training rows to a model that every other stage reads like any other.


rule pretrain:
    input:
        tokens=pretraining_tokens,
        vocabulary=pretraining_vocabulary,
        base=base_of,
    output:
        manifest=PATHS.model_manifest(),
        curve=PATHS.pretraining_curve(),
    log:
        PATHS.log("pretrain", "{model}"),
    benchmark:
        PATHS.benchmark("pretrain", "{model}")
    wildcard_constraints:
        model=exactly(PRETRAINED_MODELS),
    priority: 15
    retries: RETRIES
    threads: 1
    resources:
        **asks(pretraining_needs),
    params:
        job=pretraining_job,
        code_version=pretraining_version,
    script:
        "../scripts/pretrain.py"
