# Records to symbol ids, in the task's own alphabet or by the model's tokenizer.


rule tokenize_records:
    input:
        records=PATHS.records(),
        model=model_with_tokenizer,
        own=own_tokenizer,
    output:
        tokens=PATHS.tokens(),
        tokenizer=PATHS.symbols(),
    log:
        PATHS.log("tokenize", "{task}", "{tokenizer}"),
    priority: 20
    localrule: True
    params:
        job=tokenization_job,
        code_version=versions.TOKENS,
    script:
        "../scripts/tokenize_records.py"
