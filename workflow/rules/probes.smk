# How trainable each model is before training.

# A model before training does not depend on fraction and recipe: the first condition stands for all.
PROBED = {}
for condition in TRAINED if EXPERIMENT.probes else ():
    key = (condition.task, condition.model, condition.init, condition.mapping)
    PROBED.setdefault(key, condition)


def probed_condition(wildcards):
    """A condition that starts from the model that a job probes."""
    return PROBED[tuple(wildcards)]


def probing_job(wildcards):
    """What probes depend on beside their inputs."""
    settings = as_param(EXPERIMENT.probes)
    return {**training_job(probed_condition(wildcards)), "settings": settings}


def probing_needs(wildcards):
    """Memory and time of a job of probes."""
    return COST.probing(probed_condition(wildcards))


rule probe:
    input:
        tokens=tokens_of,
        vocabulary=PATHS.vocabulary(),
        model=PATHS.model_manifest(),
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
