"""Probe one condition's models before training."""

from pathlib import Path

from polymath.experiment.analyses import Probes
from polymath.training.job import Job
from polymath.util.heavy_imports import heavy_imports
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = Job.of(snakemake)
with workflow_job(snakemake, f"probes {job.condition.title}"):
    log("loading torch and transformers")
    with heavy_imports():
        from polymath.analysis.trainability.run import measure_trainability

    settings = Probes.model_validate(snakemake.params.job["settings"])
    measure_trainability(job, settings, snakemake.threads, Path(snakemake.output[0]), log)
