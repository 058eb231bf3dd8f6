# Tables to pictures, as SVG and PNG; they carry no numbers of their own.


rule plot_matrix:
    input:
        matrix=f"{MATRIX}.parquet",
        scores=of_every_condition("scores.parquet"),
    output:
        svg=report(
            f"{FIGURES}/matrix.svg",
            caption="../report/matrix.rst",
            category="Matrix",
        ),
        png=f"{FIGURES}/matrix.png",
    log:
        f"{LOGS}/figures/matrix.log",
    params:
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_matrix.py"


rule plot_curves:
    input:
        curves=of_every_condition("curves.parquet", TRAINED),
    output:
        svg=report(
            f"{FIGURES}/curves.svg",
            caption="../report/curves.rst",
            category="Learning curves",
        ),
        png=f"{FIGURES}/curves.png",
    log:
        f"{LOGS}/figures/curves.log",
    params:
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_curves.py"


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
    log:
        f"{LOGS}/figures/card.{{task}}.log",
    params:
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_card.py"


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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_layers.py"


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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_depth.py"
