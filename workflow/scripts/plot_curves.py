"""Plot the learning curves."""

from pathlib import Path

from polymath.evaluation.scores import curves_behind
from polymath.reporting.figures.curves import plot_curves
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot curves"):
    scores = [Path(path) for path in snakemake.input]
    plot_curves(
        curves_behind(scores, Path(snakemake.params.runs)),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
