# Scores and curves to evidence, and evidence to what it says of the claims.


SCORES = scores_of_every_task()


rule compare:
    input:
        SCORES,
    output:
        estimates=f"{EVIDENCE}/estimates.parquet",
        comparisons=f"{EVIDENCE}/comparisons.parquet",
        summary=f"{EVIDENCE}/summary.parquet",
    log:
        f"{LOGS}/evidence/compare.log",
    params:
        runs=RUNS,
        lineage=LINEAGE,
        code_version=versions.COMPARISONS,
    script:
        "../scripts/compare.py"


rule measure_convergence:
    input:
        SCORES,
    output:
        f"{EVIDENCE}/convergence.parquet",
    log:
        f"{LOGS}/evidence/convergence.log",
    params:
        runs=RUNS,
        lineage=LINEAGE,
        code_version=versions.CONVERGENCE,
    script:
        "../scripts/measure_convergence.py"


rule list_rates:
    input:
        SCORES,
    output:
        f"{EVIDENCE}/rates.parquet",
    log:
        f"{LOGS}/evidence/rates.log",
    params:
        runs=RUNS,
        code_version=versions.SENSITIVITY,
    script:
        "../scripts/list_rates.py"


rule split_variance:
    input:
        SCORES,
    output:
        f"{EVIDENCE}/variance.parquet",
    log:
        f"{LOGS}/evidence/variance.log",
    params:
        crossed=CROSSED,
        code_version=versions.VARIANCE,
    script:
        "../scripts/split_variance.py"


rule judge_claims:
    input:
        **({"similarity": f"{RESULTS}/similarity.parquet"} if COMPARISONS else {}),
        estimates=f"{EVIDENCE}/estimates.parquet",
        comparisons=f"{EVIDENCE}/comparisons.parquet",
        summary=f"{EVIDENCE}/summary.parquet",
        convergence=f"{EVIDENCE}/convergence.parquet",
    output:
        parquet=f"{CLAIMS}.parquet",
        markdown=report(
            f"{CLAIMS}.md",
            caption="../report/claims.rst",
            category="Claims",
        ),
    log:
        f"{LOGS}/evidence/claims.log",
    params:
        lineage=LINEAGE,
        crossed=CROSSED,
        code_version=versions.CLAIMS,
    script:
        "../scripts/judge_claims.py"
