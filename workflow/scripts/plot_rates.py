"""Plot the dev scores against the learning rate."""

from pathlib import Path

from polymath.reporting.figures.rates import plot_rates
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot rates"):
    plot_rates(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
