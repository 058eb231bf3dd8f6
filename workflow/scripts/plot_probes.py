"""Plot the probes."""

from pathlib import Path

from polymath.reporting.figures.trainability import plot_probes
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "plot probes"):
    plot_probes(
        Path(snakemake.input[0]),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
