"""Plot a data card."""

from pathlib import Path

from polymath.reporting.figures.data_card import plot_card
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot card"):
    plot_card(
        Path(snakemake.input.card),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
    )
