# Tables to figures, as SVG and PNG, each with the table that it draws. Those that are drawn at the
# same time are drawn by one job, which takes less time than to start one for each.


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
        published=PUBLISHED,
        results=results_folder,
    script:
        "../scripts/figures.py"


use rule figures as card_figure with:
    input:
        card=PATHS.card(),
        shortcuts=PATHS.shortcuts(),
    output:
        **figure_files(["card"], card_path, task="{task}"),
    log:
        PATHS.log("figures", "card", "{task}"),
    localrule: True
    params:
        **figure_params("card"),
        reach=reach_of,


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
