# Tables to figures, as SVG and PNG, each with the table that it draws. Those that are drawn at the
# same time are drawn by one job, which takes less time than to start one for each.

from polymath.reporting.figures.registry import FIGURES

EVIDENCE_FIGURES = ["heatmap", "matrix", "forest", "speed"]
EVIDENCE_FIGURES += ["curves"] if TRAINED else []
EVIDENCE_FIGURES += ["fractions"] if len(EXPERIMENT.fractions) > 1 else []
EVIDENCE_FIGURES += [name for name in ("rates", "variance") if name in TABLES]


def in_report(path, name, category, **labels):
    """A file that Snakemake's report shows as well, with the captions of its job."""
    labels = {"figure": name, **labels}
    return report(
        path, caption="../report/figures.rst", category=category, labels=labels
    )


def figure_files(names, path, **labels):
    """Outputs of a job that draws these figures.

    Args:
        path: a function from a figure's name and format to its file.
        labels: of the job in Snakemake's report.
    """
    return {
        "svg": [
            in_report(path(name, "svg"), name, FIGURES[name].category, **labels)
            for name in names
        ],
        "png": [path(name, "png") for name in names],
        "csv": [path(name, "csv") for name in names],
    }


def figure_params(*names):
    """Parameters of a job that draws these figures."""

    def captions(wildcards):
        return {name: FIGURES[name].caption.format(**wildcards) for name in names}

    return {"captions": captions, "code_version": versions.FIGURES}


def card_path(name, kind):
    """A task's data card, drawn."""
    return PATHS.card(kind=kind)


def representation_path(name, kind):
    """A figure of one comparison of representations."""
    return PATHS.representations(f"{name}.{kind}")


rule figures:
    input:
        **{table: PATHS.evidence(table) for table in TABLES},
        matrix=PATHS.matrix(),
        scores=SCORES,
    output:
        **figure_files(EVIDENCE_FIGURES, PATHS.figure),
    log:
        PATHS.log("figures", "evidence"),
    localrule: True
    params:
        **figure_params(*EVIDENCE_FIGURES),
        results=EXPERIMENT.results,
    script:
        "../scripts/figures.py"


use rule figures as card_figure with:
    input:
        card=PATHS.card(),
    output:
        **figure_files(["card"], card_path, task="{task}"),
    log:
        PATHS.log("figures", "card", "{task}"),
    localrule: True
    params:
        **figure_params("card"),


use rule figures as probe_figure with:
    input:
        probes=PATHS.collected("probes"),
    output:
        **figure_files(["probes"], PATHS.figure),
    log:
        PATHS.log("figures", "probes"),
    localrule: True
    params:
        **figure_params("probes"),


use rule figures as representation_figures with:
    input:
        similarity=PATHS.representations("similarity.parquet"),
        heads=PATHS.representations("heads.parquet"),
    output:
        **figure_files(
            ["layers", "depth"],
            representation_path,
            task="{task}",
            model="{model}",
            mapping="{mapping}",
        ),
    log:
        PATHS.log("figures", "representations", "{task}", "{model}", "{mapping}"),
    localrule: True
    params:
        **figure_params("layers", "depth"),
