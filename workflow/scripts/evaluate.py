"""Score the predictions of all conditions of one task."""

from pathlib import Path

from polymath.evaluation.scores import evaluate
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"evaluate {snakemake.wildcards.task}"):
    evaluate(
        [Path(path) for path in snakemake.input],
        snakemake.params.metric,
        Path(snakemake.output[0]),
        log,
    )
