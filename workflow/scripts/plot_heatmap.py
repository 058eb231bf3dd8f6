"""Plot the heat map."""

from pathlib import Path

from polymath.reporting.figures.heatmap import plot_heatmap
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot heat map"):
    plot_heatmap(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
