# Scores of all conditions to one matrix.


rule aggregate:
    input:
        scores_of_every_task(),
    output:
        parquet=f"{MATRIX}.parquet",
        csv=f"{MATRIX}.csv",
        markdown=report(
            f"{MATRIX}.md",
            caption="../report/matrix-table.rst",
            category="Matrix",
        ),
    log:
        f"{LOGS}/aggregate.log",
    params:
        bases=BASES,
        code_version=versions.MATRIX,
    script:
        "../scripts/aggregate.py"
