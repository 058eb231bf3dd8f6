# Evidence to what people read: verdicts on the claims, tables for a paper, one page with everything.


rule write_report:
    input:
        **ANALYSES,
        **({"best": BEST} if BEST else {}),
        matrix=PATHS.matrix(),
        estimates=PATHS.evidence("estimates"),
        comparisons=PATHS.evidence("comparisons"),
        summary=PATHS.evidence("summary"),
        convergence=PATHS.evidence("convergence"),
        cards=[PATHS.card(task) for task in EXPERIMENT.tasks],
        shortcuts=[PATHS.shortcuts(task) for task in EXPERIMENT.tasks],
        scores=SCORES,
        figures=[figure["svg"] for figure in PAGE_FIGURES],
    output:
        **{
            f"{table}_{kind}": PATHS.table(table, kind)
            for table in PAPER_TABLES
            for kind in ("md", "tex")
        },
        page=PATHS.report,
        claims=PATHS.claims(),
        families=PATHS.evidence("families"),
        claims_page=in_report(PATHS.claims("md"), "claims", "Claims"),
        matrix_page=in_report(PATHS.matrix("md"), "matrix (table)", "Matrix"),
    log:
        PATHS.log("report"),
    localrule: True
    params:
        figures=PAGE_FIGURES,
        captions=TABLE_CAPTIONS,
        configuration=config,
        options=OPTIONS,
        published=PUBLISHED,
        lineage=REQUESTS.lineage,
        crossed=REQUESTS.crossed,
        runs=EXPERIMENT.runs,
        results=results_folder,
        code_version=[versions.CLAIMS, versions.REPORT],
    script:
        "../scripts/write_report.py"
