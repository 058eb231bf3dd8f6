"""Fit one baseline."""

from polymath.training.job import BaselineJob, Outputs
from polymath.util.heavy_imports import heavy_imports
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = BaselineJob.of(snakemake)
with workflow_job(snakemake, job.condition.title):
    log("loading scikit-learn")
    with heavy_imports():
        from polymath.training.baselines import run_baseline

    outputs = Outputs.of(snakemake)
    run_baseline(job, outputs.predictions, outputs.curves, log)
