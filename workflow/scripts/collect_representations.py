"""Put the tables of all comparisons together."""

from pathlib import Path

from polymath.evaluation.tables import HEADS_SCHEMA, SIMILARITY_SCHEMA, collect_tables
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "representations"):
    for name, schema in (("similarity", SIMILARITY_SCHEMA), ("heads", HEADS_SCHEMA)):
        paths = [Path(path) for path in snakemake.input[name]]
        table = collect_tables(paths, schema, Path(snakemake.output[name]))
        log(f"{name}: {len(table)} rows")
