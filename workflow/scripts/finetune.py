"""Fine-tune one condition."""

from polymath.training.job import Execution, Job, Outputs
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = Job.of(snakemake)
with workflow_job(snakemake, job.condition.title):
    log("loading torch and transformers")
    from polymath.training.finetune import finetune

    finetune(job, Execution.of(snakemake), Outputs.of(snakemake), log)
