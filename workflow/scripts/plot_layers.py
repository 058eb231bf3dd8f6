"""Plot the similarity of all pairs of layers."""

from pathlib import Path

from polymath.reporting.figures.similarity import plot_layers
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot layers"):
    plot_layers(
        Path(snakemake.input.similarity),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
