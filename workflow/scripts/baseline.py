"""Fit one baseline."""

from polymath.training.job import BaselineJob, Outputs
from polymath.util.job_log import job_log, log

job = BaselineJob.of(snakemake)
with job_log(snakemake.log[0], job.condition.title):
    log("loading scikit-learn")
    from polymath.training.baselines import run_baseline

    outputs = Outputs.of(snakemake)
    run_baseline(job, outputs.predictions, outputs.curves, log)
