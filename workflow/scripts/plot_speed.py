"""Plot the speed-ups."""

from pathlib import Path

from polymath.reporting.figures.speed import plot_speed
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot speed"):
    plot_speed(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
