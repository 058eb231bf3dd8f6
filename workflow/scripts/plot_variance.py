"""Plot the parts of the variance."""

from pathlib import Path

from polymath.reporting.figures.variance import plot_variance
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot variance"):
    plot_variance(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
