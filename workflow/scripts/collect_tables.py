"""Concatenate the tables of all jobs of an analysis."""

from pathlib import Path

from polymath.evaluation.tables import (
    HEADS_SCHEMA,
    PROBE_SCHEMA,
    SIMILARITY_SCHEMA,
    collect_tables,
)
from polymath.util.job_log import job_log, log

SCHEMAS = {"similarity": SIMILARITY_SCHEMA, "heads": HEADS_SCHEMA, "probes": PROBE_SCHEMA}

with job_log(snakemake.log[0], "collect"):
    for name, target in snakemake.output.items():
        paths = [Path(path) for path in snakemake.input[name]]
        log(f"{name}: {len(collect_tables(paths, SCHEMAS[name], Path(target)))} rows")
