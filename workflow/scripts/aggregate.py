"""Aggregate all scores into the matrix."""

import json
from pathlib import Path

from polymath.evaluation.matrix import aggregate
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "aggregate"):
    matrix = aggregate(
        [Path(path) for path in snakemake.input],
        json.loads(snakemake.params.bases),
        Path(snakemake.output.parquet),
        Path(snakemake.output.csv),
        Path(snakemake.output.markdown),
    )
    log(f"{len(matrix)} conditions")
