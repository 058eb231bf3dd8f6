"""Plot the learning curves."""

from pathlib import Path

from polymath.figures.curves import plot_curves
from polymath.logs import job

with job(snakemake.log[0], "plot curves"):
    plot_curves(
        [Path(path) for path in snakemake.input.curves],
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
