"""Plot the probes."""

from pathlib import Path

from polymath.figures.probes import plot_probes
from polymath.logs import job

with job(snakemake.log[0], "plot probes"):
    plot_probes(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
