# Raw files to records, with a data card.


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
