"""Put the tables of all comparisons together."""

from pathlib import Path

from polymath.logs import job, say
from polymath.results import HEADS_SCHEMA, SIMILARITY_SCHEMA, collect_tables

with job(snakemake.log[0], "representations"):
    for name, schema in (("similarity", SIMILARITY_SCHEMA), ("heads", HEADS_SCHEMA)):
        paths = [Path(path) for path in snakemake.input[name]]
        table = collect_tables(paths, schema, Path(snakemake.output[name]))
        say(f"{name}: {len(table)} rows")
