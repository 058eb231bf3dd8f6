# Raw files to records, with a data card and what makes the task easy.


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
        source=prepared_source_param,
        job=preparation_job,
        code_version=versions.RECORDS,
    script:
        "../scripts/prepare_records.py"


rule find_shortcuts:
    input:
        records=PATHS.records(),
    output:
        PATHS.shortcuts(),
    log:
        PATHS.log("shortcuts", "{task}"),
    localrule: True
    params:
        job=shortcuts_job,
        code_version=versions.SHORTCUTS,
    script:
        "../scripts/find_shortcuts.py"
