# Predictions to scores, condition by condition.


rule evaluate:
    input:
        f"{RUN}/predictions.parquet",
    output:
        f"{RUN}/scores.parquet",
    log:
        f"{LOGS}/evaluate/{RUN_LOG}",
    params:
        metric=lambda wildcards: dataset_of(wildcards).headline,
        code_version=versions.SCORES,
    script:
        "../scripts/evaluate.py"
