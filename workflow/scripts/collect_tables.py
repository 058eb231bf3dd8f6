"""Concatenate the tables of all jobs of an analysis."""

from pathlib import Path

from polymath.evaluation.tables import (
    HEADS_SCHEMA,
    PROBE_SCHEMA,
    SIMILARITY_SCHEMA,
    collect_tables,
)
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

SCHEMAS = {"similarity": SIMILARITY_SCHEMA, "heads": HEADS_SCHEMA, "probes": PROBE_SCHEMA}

with workflow_job(snakemake, "collect"):
    for name, target in snakemake.output.items():
        paths = [Path(path) for path in snakemake.input[name]]
        log(f"{name}: {len(collect_tables(paths, SCHEMAS[name], Path(target)))} rows")
