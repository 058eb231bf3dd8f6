"""Put the probes of all conditions together."""

from pathlib import Path

from polymath.evaluation.tables import PROBE_SCHEMA, collect_tables
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "probes"):
    paths = [Path(path) for path in snakemake.input]
    log(f"{len(collect_tables(paths, PROBE_SCHEMA, Path(snakemake.output[0])))} rows")
