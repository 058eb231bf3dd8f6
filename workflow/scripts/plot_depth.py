"""Plot the similarity of layers at equal depth."""

from pathlib import Path

from polymath.reporting.figures.similarity import plot_depth
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot depth"):
    plot_depth(
        Path(snakemake.input.similarity),
        Path(snakemake.input.heads),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
