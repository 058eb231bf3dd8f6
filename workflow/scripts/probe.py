"""Probe one condition's models before training."""

from pathlib import Path

from polymath.experiment.analyses import Probes
from polymath.training.job import Job
from polymath.util.job_log import job_log, log

job = Job.of(snakemake)
with job_log(snakemake.log[0], f"probes {job.condition.title}"):
    log("loading torch and transformers")
    from polymath.analysis.trainability.run import measure_trainability

    settings = Probes.model_validate(snakemake.params.job["settings"])
    measure_trainability(job, settings, snakemake.threads, Path(snakemake.output[0]), log)
