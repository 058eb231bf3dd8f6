# Symbols to tokens of the model's vocabulary, for every replicate.


rule map_vocabulary:
    input:
        symbols=symbols_of,
        model=model_of,
        tokens=tokens_to_count,
    output:
        PATHS.vocabulary(),
    log:
        PATHS.log("vocabulary", "{task}", "{model}", "{mapping}"),
    priority: 20
    localrule: True
    params:
        job=mapping_job,
        code_version=versions.VOCABULARY,
    script:
        "../scripts/map_vocabulary.py"
