"""Plot the learning curves."""

from pathlib import Path

from polymath.evaluate import curves_behind
from polymath.figures.curves import plot_curves
from polymath.logs import job

with job(snakemake.log[0], "plot curves"):
    scores = [Path(path) for path in snakemake.input]
    plot_curves(
        curves_behind(scores, Path(snakemake.params.runs)),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
