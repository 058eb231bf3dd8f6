# A task's unlabelled training rows to a model that every other stage reads like any other.

from polymath.experiment.sources import PretrainSource

PRETRAINED_MODELS = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if isinstance(entry.source, PretrainSource)
]


def pretraining_tokens(wildcards):
    """The tokens that a model is pre-trained on."""
    source = model_source(wildcards)
    tokenizer = tokenizer_of(EXPERIMENT, source.task, source.base, source.mapping)
    return PATHS.tokens(source.task, tokenizer)


def pretraining_vocabulary(wildcards):
    """The mapping that a model is pre-trained with."""
    source = model_source(wildcards)
    return PATHS.vocabulary(source.task, source.base, source.mapping)


def pretraining_job(wildcards):
    """What a pre-trained model depends on beside its inputs."""
    return {"source": model_source_param(wildcards), "seed": EXPERIMENT.seed}


def pretraining_needs(wildcards):
    """Memory and time of a model's pre-training."""
    return COST.pretraining(wildcards.model)


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
        code_version=versions.PRETRAINING,
    script:
        "../scripts/pretrain.py"
