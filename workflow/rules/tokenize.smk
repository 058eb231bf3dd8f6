# Records to symbol ids, in the task's own alphabet or by the model's tokenizer.


rule tokenize_records:
    input:
        records=RECORDS,
        model=tokenizer_source,
    output:
        tokens=f"{TOKENS}/tokens.parquet",
        tokenizer=f"{TOKENS}/tokenizer.json",
    log:
        f"{LOGS}/tokenize/{{task}}.{{tokenizer}}.log",
    priority: 20
    params:
        alphabet=lambda wildcards: as_json(alphabet_of(wildcards)),
        windows=lambda wildcards: as_json(dataset_of(wildcards).windows),
        max_length=lambda wildcards: dataset_of(wildcards).max_length,
        code_version=versions.TOKENS,
    script:
        "../scripts/tokenize_records.py"
