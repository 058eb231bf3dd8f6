# Simple answers for comparison, one job a condition.


rule baseline:
    input:
        tokens=tokens_of,
    output:
        predictions=f"{RUN}/predictions.parquet",
        curves=f"{RUN}/curves.parquet",
    log:
        f"{LOGS}/baseline/{RUN_LOG}",
    wildcard_constraints:
        model=exactly(EXPERIMENT.baselines),
        init=NONE,
    threads: 1
    params:
        metric=lambda wildcards: dataset_of(wildcards).headline,
        seed=EXPERIMENT.seed,
        replicates=EXPERIMENT.runs,
        crossed=CROSSED,
        code_version=versions.BASELINES,
    script:
        "../scripts/baseline.py"
