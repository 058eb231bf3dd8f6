# Predictions to scores, one job a task: a job of its own for each condition would take longer
# to start than to run, and double what Snakemake has to plan.


rule evaluate:
    input:
        predictions_of,
    output:
        f"{RESULTS}/scores/{{task}}.parquet",
    log:
        f"{LOGS}/evaluate/{{task}}.log",
    params:
        metric=lambda wildcards: dataset_of(wildcards).headline,
        code_version=versions.SCORES,
    script:
        "../scripts/evaluate.py"
