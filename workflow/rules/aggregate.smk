# Scores of all conditions to one matrix.


rule aggregate:
    input:
        of_every_condition("scores.parquet"),
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
