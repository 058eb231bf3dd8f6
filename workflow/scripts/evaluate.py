"""Score the predictions of all conditions of one task."""

from pathlib import Path

from polymath.evaluation.scores import evaluate
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, f"evaluate {snakemake.wildcards.task}"):
    evaluate(
        [Path(path) for path in snakemake.input.predictions],
        snakemake.params.job["metric"],
        Path(snakemake.output[0]),
        log,
        snakemake.params.training,
        snakemake.params.job.get("positive"),
    )
