"""Plot a data card."""

from pathlib import Path

from polymath.figures.cards import plot_card
from polymath.logs import job

with job(snakemake.log[0], "plot card"):
    plot_card(
        Path(snakemake.input.card),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
    )
