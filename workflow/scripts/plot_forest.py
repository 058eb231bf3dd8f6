"""Plot the differences."""

from pathlib import Path

from polymath.reporting.figures.forest import plot_forest
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot forest"):
    plot_forest(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
