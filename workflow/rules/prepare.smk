# Raw files to records, with a data card.


rule prepare_records:
    input:
        manifest=RAW_MANIFEST,
    output:
        records=RECORDS,
        card=f"{CARD}.json",
    log:
        f"{LOGS}/prepare/{{task}}.log",
    priority: 20
    threads: readers_for
    params:
        # What only later stages use is left out, so that changing it reruns only those.
        dataset=lambda wildcards: dataset_of(wildcards).model_dump_json(
            exclude={"metric", "max_length", "windows", "about", "notes", "checked"},
            exclude_defaults=True,
        ),
        seed=EXPERIMENT.seed,
        code_version=versions.RECORDS,
    script:
        "../scripts/prepare_records.py"
