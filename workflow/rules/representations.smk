# Hidden states of a text model compared with those of a random one and of in-domain ones.

COMPARED = {
    (comparison.text.task, comparison.text.model, comparison.text.mapping): comparison
    for comparison in COMPARISONS
}


def comparison_of(wildcards):
    """What a job compares."""
    return COMPARED[wildcards.task, wildcards.model, wildcards.mapping]


def kept_models(condition):
    """The folder of a condition's trained models; None unless they are trained and kept."""
    is_kept = EXPERIMENT.keep_models and condition in TRAINED
    return str(PATHS.kept_models(condition)) if is_kept else None


def compared_trained_models(wildcards):
    """The trained models to compare."""
    arms = comparison_of(wildcards).arms
    return [folder for arm in arms if (folder := kept_models(arm.condition))]


def compared_models(wildcards):
    """The model of each arm before fine-tuning."""
    arms = comparison_of(wildcards).arms
    return [PATHS.model_manifest(arm.condition.model) for arm in arms]


def compared_vocabularies(wildcards):
    """The mapping of each arm."""
    conditions = [arm.condition for arm in comparison_of(wildcards).arms]
    return [PATHS.vocabulary(c.task, c.model, c.mapping) for c in conditions]


def representations_job(wildcards):
    """What a comparison depends on beside its inputs."""
    comparison = comparison_of(wildcards)
    arms = [
        {
            "role": arm.role,
            "condition": arm.condition.columns,
            "kept": kept_models(arm.condition),
        }
        for arm in comparison.arms
    ]
    settings = as_param(EXPERIMENT.representations)
    return {**training_job(comparison.text), "arms": arms, "settings": settings}


def representations_needs(wildcards):
    """Memory and time of a comparison's job."""
    return COST.comparing(comparison_of(wildcards))


def all_representations(name):
    """One file of every comparison."""
    return [PATHS.representations(name, *compared) for compared in COMPARED]


rule compare_representations:
    input:
        compared_trained_models,
        tokens=tokens_of,
        vocabularies=compared_vocabularies,
        models=compared_models,
    output:
        similarity=PATHS.representations("similarity.parquet"),
        heads=PATHS.representations("heads.parquet"),
    log:
        PATHS.log("representations", "{task}", "{model}", "{mapping}"),
    retries: RETRIES
    threads: 1
    resources:
        **asks(representations_needs),
    params:
        job=representations_job,
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/compare_representations.py"


rule collect_representations:
    input:
        similarity=all_representations("similarity.parquet"),
        heads=all_representations("heads.parquet"),
    output:
        similarity=PATHS.collected("similarity"),
        heads=PATHS.collected("heads"),
    log:
        PATHS.log("representations"),
    localrule: True
    params:
        code_version=versions.REPRESENTATIONS,
    script:
        "../scripts/collect_tables.py"
