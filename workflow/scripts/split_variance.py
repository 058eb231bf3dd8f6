"""Split the variance of crossed replicates by seed stream."""

import json
from pathlib import Path

from polymath.evaluation.variance_components import split_variance
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "variance"):
    table = split_variance(
        [Path(path) for path in snakemake.input],
        json.loads(snakemake.params.crossed),
        Path(snakemake.output[0]),
    )
    log(f"{len(table)} components")
