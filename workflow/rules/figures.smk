# Tables to pictures, as SVG and PNG; they carry no numbers of their own.


rule plot_matrix:
    input:
        matrix=f"{MATRIX}.parquet",
        scores=scores_of_every_task(),
    output:
        svg=report(
            f"{FIGURES}/matrix.svg",
            caption="../report/matrix.rst",
            category="Matrix",
        ),
        png=f"{FIGURES}/matrix.png",
        csv=f"{FIGURES}/matrix.csv",
    log:
        f"{LOGS}/figures/matrix.log",
    params:
        figure="matrix",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_heatmap:
    input:
        matrix=f"{MATRIX}.parquet",
    output:
        svg=report(
            f"{FIGURES}/heatmap.svg",
            caption="../report/heatmap.rst",
            category="Matrix",
        ),
        png=f"{FIGURES}/heatmap.png",
        csv=f"{FIGURES}/heatmap.csv",
    log:
        f"{LOGS}/figures/heatmap.log",
    params:
        figure="heatmap",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_curves:
    input:
        scores=scores_of_every_task(),
    output:
        svg=report(
            f"{FIGURES}/curves.svg",
            caption="../report/curves.rst",
            category="Learning curves",
        ),
        png=f"{FIGURES}/curves.png",
        csv=f"{FIGURES}/curves.csv",
    log:
        f"{LOGS}/figures/curves.log",
    params:
        figure="curves",
        runs=RUNS,
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_card:
    input:
        card=f"{CARD}.json",
    output:
        svg=report(
            f"{CARD}.svg",
            caption="../report/card.rst",
            category="Data cards",
            labels={"task": "{task}"},
        ),
        png=f"{CARD}.png",
        csv=f"{CARD}.csv",
    log:
        f"{LOGS}/figures/card.{{task}}.log",
    params:
        figure="card",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_forest:
    input:
        comparisons=f"{EVIDENCE}/comparisons.parquet",
    output:
        svg=report(
            f"{FIGURES}/forest.svg",
            caption="../report/forest.rst",
            category="Evidence",
        ),
        png=f"{FIGURES}/forest.png",
        csv=f"{FIGURES}/forest.csv",
    log:
        f"{LOGS}/figures/forest.log",
    params:
        figure="forest",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_speed:
    input:
        convergence=f"{EVIDENCE}/convergence.parquet",
    output:
        svg=report(
            f"{FIGURES}/speed.svg",
            caption="../report/speed.rst",
            category="Evidence",
        ),
        png=f"{FIGURES}/speed.png",
        csv=f"{FIGURES}/speed.csv",
    log:
        f"{LOGS}/figures/speed.log",
    params:
        figure="speed",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_fractions:
    input:
        estimates=f"{EVIDENCE}/estimates.parquet",
    output:
        svg=report(
            f"{FIGURES}/fractions.svg",
            caption="../report/fractions.rst",
            category="Evidence",
        ),
        png=f"{FIGURES}/fractions.png",
        csv=f"{FIGURES}/fractions.csv",
    log:
        f"{LOGS}/figures/fractions.log",
    params:
        figure="fractions",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_rates:
    input:
        rates=f"{EVIDENCE}/rates.parquet",
    output:
        svg=report(
            f"{FIGURES}/rates.svg",
            caption="../report/rates.rst",
            category="Evidence",
        ),
        png=f"{FIGURES}/rates.png",
        csv=f"{FIGURES}/rates.csv",
    log:
        f"{LOGS}/figures/rates.log",
    params:
        figure="rates",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_variance:
    input:
        variance=f"{EVIDENCE}/variance.parquet",
    output:
        svg=report(
            f"{FIGURES}/variance.svg",
            caption="../report/variance.rst",
            category="Evidence",
        ),
        png=f"{FIGURES}/variance.png",
        csv=f"{FIGURES}/variance.csv",
    log:
        f"{LOGS}/figures/variance.log",
    params:
        figure="variance",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_layers:
    input:
        similarity=f"{COMPARISON}/similarity.parquet",
    output:
        svg=report(
            f"{COMPARISON}/layers.svg",
            caption="../report/layers.rst",
            category="Representations",
            labels={"task": "{task}", "model": "{model}", "mapping": "{mapping}"},
        ),
        png=f"{COMPARISON}/layers.png",
        csv=f"{COMPARISON}/layers.csv",
    log:
        f"{LOGS}/figures/layers.{{task}}.{{model}}.{{mapping}}.log",
    params:
        figure="layers",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_depth:
    input:
        similarity=f"{COMPARISON}/similarity.parquet",
        heads=f"{COMPARISON}/heads.parquet",
    output:
        svg=report(
            f"{COMPARISON}/depth.svg",
            caption="../report/depth.rst",
            category="Representations",
            labels={"task": "{task}", "model": "{model}", "mapping": "{mapping}"},
        ),
        png=f"{COMPARISON}/depth.png",
        csv=f"{COMPARISON}/depth.csv",
    log:
        f"{LOGS}/figures/depth.{{task}}.{{model}}.{{mapping}}.log",
    params:
        figure="depth",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"


rule plot_probes:
    input:
        probes=f"{RESULTS}/probes.parquet",
    output:
        svg=report(
            f"{FIGURES}/probes.svg",
            caption="../report/probes.rst",
            category="Probes",
        ),
        png=f"{FIGURES}/probes.png",
        csv=f"{FIGURES}/probes.csv",
    log:
        f"{LOGS}/figures/probes.log",
    params:
        figure="probes",
        code_version=versions.FIGURES,
    script:
        "../scripts/draw_figure.py"
