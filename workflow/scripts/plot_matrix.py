"""Plot the matrix."""

from pathlib import Path

from polymath.reporting.figures.matrix import plot_matrix
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot matrix"):
    plot_matrix(
        Path(snakemake.input.matrix),
        [Path(path) for path in snakemake.input.scores],
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
