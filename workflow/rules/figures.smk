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
