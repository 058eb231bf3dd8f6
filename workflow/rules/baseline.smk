# Simple classifiers for comparison, one job per condition.


rule baseline:
    input:
        tokens=tokens_of,
    output:
        predictions=PATHS.predictions(),
        curves=PATHS.curves(),
    log:
        PATHS.log("baseline", *PATTERN.columns.values()),
    wildcard_constraints:
        model=exactly(EXPERIMENT.baselines),
        init=NONE,
    threads: 1
    params:
        job=baseline_job,
        code_version=versions.BASELINES,
    script:
        "../scripts/baseline.py"
