# Evidence to what people read: verdicts on the claims, tables for a paper, one page with everything.

from polymath.reporting.figures.registry import TABLE_CAPTIONS

# Tables that not every experiment has.
ANALYSES = {"rates": PATHS.evidence("rates")} if TUNED else {}
ANALYSES |= {"similarity": PATHS.collected("similarity")} if STUDIES else {}
ANALYSES |= {"probes": PATHS.collected("probes")} if PROBED else {}


def page_figures():
    """The figures of the page in its order: name, file and the wildcards of its job."""
    names = [*EVIDENCE_FIGURES, *(["probes"] if PROBED else [])]
    shown = [(name, PATHS.figure(name), {}) for name in names]
    for task in EXPERIMENT.tasks:
        shown.append(("card", PATHS.card(task, "svg"), {"task": task}))
    for name in ("layers", "depth"):
        for compared in STUDY_OF:
            wildcards = dict(zip(("task", "model", "mapping"), compared))
            svg = PATHS.representations(f"{name}.svg", *compared)
            shown.append((name, svg, wildcards))
    return [
        {"figure": name, "svg": str(svg), "wildcards": wildcards}
        for name, svg, wildcards in shown
    ]


PAGE_FIGURES = page_figures()


rule write_report:
    input:
        **ANALYSES,
        matrix=PATHS.matrix(),
        estimates=PATHS.evidence("estimates"),
        comparisons=PATHS.evidence("comparisons"),
        summary=PATHS.evidence("summary"),
        convergence=PATHS.evidence("convergence"),
        cards=[PATHS.card(task) for task in EXPERIMENT.tasks],
        scores=SCORES,
        figures=[figure["svg"] for figure in PAGE_FIGURES],
    output:
        **{
            f"{table}_{kind}": PATHS.table(table, kind)
            for table in ("scores", "differences", "claims")
            for kind in ("md", "tex")
        },
        page=PATHS.report,
        claims=PATHS.claims(),
        claims_page=in_report(PATHS.claims("md"), "claims", "Claims"),
        matrix_page=in_report(PATHS.matrix("md"), "matrix (table)", "Matrix"),
    log:
        PATHS.log("report"),
    localrule: True
    params:
        figures=PAGE_FIGURES,
        captions=TABLE_CAPTIONS,
        configuration=config,
        lineage=LINEAGE,
        crossed=CROSSED,
        results=EXPERIMENT.results,
        code_version=[versions.CLAIMS, versions.REPORT],
    script:
        "../scripts/write_report.py"
