# Predictions to scores, one job a task: a job of its own for each condition would take longer
# to start than to run, and double what Snakemake has to plan. Later stages find what else they
# read of a condition through its scores, so that one file of each is the input of one stage.


rule evaluate:
    input:
        lambda wildcards: PREDICTIONS[wildcards.task],
    output:
        f"{RESULTS}/scores/{{task}}.parquet",
    log:
        f"{LOGS}/evaluate/{{task}}.log",
    params:
        metric=lambda wildcards: dataset_of(wildcards).headline,
        code_version=versions.SCORES,
    script:
        "../scripts/evaluate.py"
