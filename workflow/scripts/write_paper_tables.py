"""Write the tables for a paper."""

from pathlib import Path

from polymath.reporting.paper_tables import write_paper_tables
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "tables for a paper"):
    write_paper_tables(
        Path(snakemake.input.matrix),
        Path(snakemake.input.comparisons),
        Path(snakemake.input.claims),
        {name: Path(path) for name, path in snakemake.output.items()},
    )
