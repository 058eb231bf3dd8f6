# Raw files of data sets and models, each with a manifest of checksums.


rule fetch_files:
    input:
        own_files,
    output:
        MANIFEST,
    log:
        f"{LOGS}/fetch/{{kind}}/{{name}}.log",
    wildcard_constraints:
        name=f"(?!({one_of(PRETRAINED)})/)[a-z0-9][a-z0-9._-]*",
    priority: 30
    threads: workers_for
    params:
        source=lambda wildcards: as_json(entry_of(wildcards).source),
        code_version=versions.FETCH,
    script:
        "../scripts/fetch_files.py"
