"""Put the probes of all conditions together."""

from pathlib import Path

from polymath.evaluation.tables import PROBE_SCHEMA, collect_tables
from polymath.util.job_log import job, say

with job(snakemake.log[0], "probes"):
    paths = [Path(path) for path in snakemake.input]
    say(f"{len(collect_tables(paths, PROBE_SCHEMA, Path(snakemake.output[0])))} rows")
