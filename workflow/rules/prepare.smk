# Raw files to records, with a data card.

# What only later stages use is left out, so that changing it reruns only those.
FOR_LATER_STAGES = {"metric", "max_length", "windows", "about", "notes", "checked"}


def preparation_job(wildcards):
    """What a task's records depend on beside its files."""
    dataset = EXPERIMENT.datasets[wildcards.task]
    described = dataset.model_dump(
        mode="json", exclude=FOR_LATER_STAGES, exclude_defaults=True
    )
    return {"dataset": described, "seed": EXPERIMENT.seed}


def cores_to_prepare(wildcards):
    """Cores to read a task: each of up to a thousand files of music may take a second."""
    reader = EXPERIMENT.datasets[wildcards.task].reader
    return SEVERAL_CORES if reader.format == "midi" else 1


rule prepare_records:
    input:
        manifest=PATHS.raw_manifest(),
    output:
        records=PATHS.records(),
        card=PATHS.card(),
    log:
        PATHS.log("prepare", "{task}"),
    priority: 20
    localrule: True
    threads: cores_to_prepare
    params:
        job=preparation_job,
        code_version=versions.RECORDS,
    script:
        "../scripts/prepare_records.py"
