# Hidden states of a text model compared with those of a random one and of in-domain ones.

STUDY_OF = {
    (study.text.task, study.text.model, study.text.mapping): study for study in STUDIES
}


def study_of(wildcards):
    """The models that a job compares."""
    return STUDY_OF[wildcards.task, wildcards.model, wildcards.mapping]


def kept_models(condition):
    """The folder of a condition's trained models; None unless they are trained and kept."""
    is_kept = EXPERIMENT.keep_models and condition in TRAINED
    return str(PATHS.kept_models(condition)) if is_kept else None


def compared_trained_models(wildcards):
    """The trained models to compare."""
    folders = map(kept_models, study_of(wildcards).conditions)
    return [folder for folder in folders if folder]


def compared_models(wildcards):
    """The model of each condition before fine-tuning."""
    return [PATHS.model_manifest(c.model) for c in study_of(wildcards).conditions]


def compared_vocabularies(wildcards):
    """The mapping of each condition."""
    conditions = study_of(wildcards).conditions
    return [PATHS.vocabulary(c.task, c.model, c.mapping) for c in conditions]


def representations_job(wildcards):
    """What a study depends on beside its inputs."""
    study = study_of(wildcards)
    compared = [
        {"condition": condition.columns, "kept": kept_models(condition)}
        for condition in study.conditions
    ]
    settings = as_param(EXPERIMENT.representations)
    return {**training_job(study.text), "compared": compared, "settings": settings}


def representations_needs(wildcards):
    """Memory and time of a study's job."""
    return COST.comparing(study_of(wildcards))


def all_representations(name):
    """One file of every study."""
    return [PATHS.representations(name, *study) for study in STUDY_OF]


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
