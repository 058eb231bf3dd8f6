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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_matrix.py"


rule plot_heatmap:
    input:
        f"{MATRIX}.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_heatmap.py"


rule plot_curves:
    input:
        scores_of_every_task(),
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
        runs=RUNS,
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


rule plot_forest:
    input:
        f"{EVIDENCE}/comparisons.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_forest.py"


rule plot_speed:
    input:
        f"{EVIDENCE}/convergence.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_speed.py"


rule plot_fractions:
    input:
        f"{EVIDENCE}/estimates.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_fractions.py"


rule plot_rates:
    input:
        f"{EVIDENCE}/rates.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_rates.py"


rule plot_variance:
    input:
        f"{EVIDENCE}/variance.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_variance.py"


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


rule plot_probes:
    input:
        f"{RESULTS}/probes.parquet",
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
        code_version=versions.FIGURES,
    script:
        "../scripts/plot_probes.py"
