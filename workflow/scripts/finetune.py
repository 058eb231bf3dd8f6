"""Fine-tune one condition."""

from polymath.training.job import Execution, Job, Outputs
from polymath.util.heavy_imports import heavy_imports
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = Job.of(snakemake)
with workflow_job(snakemake, job.condition.title):
    log("loading torch and transformers")
    with heavy_imports():
        from polymath.training.finetune import finetune

    finetune(job, Execution.of(snakemake), Outputs.of(snakemake), log)
