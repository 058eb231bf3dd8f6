# Symbols to tokens of the model's vocabulary, for every replicate.


def symbols_of(wildcards):
    """The tokenizer.json of a task under a model."""
    return PATHS.symbols(wildcards.task, tokenizer_for(wildcards))


def tokens_to_count(wildcards):
    """The task's tokens, which only the mapping by frequency looks at."""
    return tokens_of(wildcards) if wildcards.mapping == "frequency" else []


def mapping_job(wildcards):
    """What a mapping depends on beside its inputs."""
    shift = {"shift": EXPERIMENT.shift} if wildcards.mapping == "shift" else {}
    return {**REPLICATION, **shift}


rule map_vocabulary:
    input:
        symbols=symbols_of,
        model=PATHS.model_manifest(),
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
