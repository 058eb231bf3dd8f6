"""Plot the scores against the share of the training data."""

from pathlib import Path

from polymath.reporting.figures.fractions import plot_fractions
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot fractions"):
    plot_fractions(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
