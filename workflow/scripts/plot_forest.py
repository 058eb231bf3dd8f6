"""Plot the differences."""

from pathlib import Path

from polymath.figures.forest import plot_forest
from polymath.logs import job

with job(snakemake.log[0], "plot forest"):
    plot_forest(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
