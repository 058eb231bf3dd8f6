# Symbols to tokens of the model's vocabulary, for every replicate.


rule map_vocabulary:
    input:
        symbols=symbols_of,
        model=MODEL_MANIFEST,
        # Only the mapping by frequency looks at the sequences.
        tokens=lambda wildcards: (
            tokens_of(wildcards) if wildcards.mapping == "frequency" else []
        ),
    output:
        f"{VOCABULARY}/vocabulary.parquet",
    log:
        f"{LOGS}/vocabulary/{{task}}.{{model}}.{{mapping}}.log",
    priority: 20
    params:
        seed=EXPERIMENT.seed,
        replicates=EXPERIMENT.runs,
        crossed=CROSSED,
        shift=lambda wildcards: EXPERIMENT.shift if wildcards.mapping == "shift" else 0,
        code_version=versions.VOCABULARY,
    script:
        "../scripts/map_vocabulary.py"
