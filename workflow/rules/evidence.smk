# Scores and curves to evidence, and evidence to what it says of the claims.


rule write_evidence:
    input:
        scores_of_every_task(),
    output:
        **({"rates": f"{EVIDENCE}/rates.parquet"} if TUNED else {}),
        **({"variance": f"{EVIDENCE}/variance.parquet"} if IS_CROSSED else {}),
        estimates=f"{EVIDENCE}/estimates.parquet",
        comparisons=f"{EVIDENCE}/comparisons.parquet",
        summary=f"{EVIDENCE}/summary.parquet",
        convergence=f"{EVIDENCE}/convergence.parquet",
        matrix=f"{MATRIX}.parquet",
        matrix_csv=f"{MATRIX}.csv",
        markdown=report(
            f"{MATRIX}.md",
            caption="../report/matrix-table.rst",
            category="Matrix",
        ),
    log:
        f"{LOGS}/evidence/tables.log",
    params:
        results=RESULTS,
        lineage=LINEAGE,
        crossed=CROSSED,
        code_versions=(
            versions.COMPARISONS,
            versions.CONVERGENCE,
            versions.MATRIX,
            versions.SENSITIVITY,
            versions.VARIANCE,
        ),
    script:
        "../scripts/write_evidence.py"


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
