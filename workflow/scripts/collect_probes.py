"""Put the probes of all conditions together."""

from pathlib import Path

from polymath.logs import job, say
from polymath.results import PROBE_SCHEMA, collect_tables

with job(snakemake.log[0], "probes"):
    paths = [Path(path) for path in snakemake.input]
    say(f"{len(collect_tables(paths, PROBE_SCHEMA, Path(snakemake.output[0])))} rows")
