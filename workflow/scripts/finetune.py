"""Fine-tune one condition."""

from polymath.training.job import Execution, Job, Outputs
from polymath.util.job_log import job_log, log

job = Job.of(snakemake)
with job_log(snakemake.log[0], job.condition.title):
    log("loading torch and transformers")
    from polymath.training.finetune import finetune

    finetune(job, Execution.of(snakemake), Outputs.of(snakemake), log)
