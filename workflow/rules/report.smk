# Everything to one page for people, and to tables for a paper.


rule write_paper_tables:
    input:
        matrix=f"{MATRIX}.parquet",
        comparisons=f"{EVIDENCE}/comparisons.parquet",
        claims=f"{CLAIMS}.parquet",
    output:
        **{
            f"{table}_{kind}": f"{RESULTS}/tables/{table}.{kind}"
            for table in ("scores", "differences", "claims")
            for kind in ("md", "tex")
        },
    log:
        f"{LOGS}/paper_tables.log",
    params:
        code_version=versions.REPORT,
    script:
        "../scripts/write_paper_tables.py"


rule write_report:
    input:
        **asked_for_in_report(),
        matrix=f"{MATRIX}.parquet",
        claims=f"{CLAIMS}.parquet",
        summary=f"{EVIDENCE}/summary.parquet",
        convergence=f"{EVIDENCE}/convergence.parquet",
        cards=expand(f"{CARD}.json", task=EXPERIMENT.tasks),
        scores=scores_of_every_task(),
        pictures=[picture["svg"] for picture in PICTURES],
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    params:
        pictures=json.dumps(PICTURES),
        configuration=json.dumps(CONFIGURATION),
        runs=RUNS,
        code_version=versions.REPORT,
    script:
        "../scripts/write_report.py"
