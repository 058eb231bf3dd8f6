"""Pre-train one model."""

from pathlib import Path

from polymath.training.job import Execution, PretrainingJob
from polymath.util.heavy_imports import heavy_imports
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, f"pretrain {snakemake.wildcards.model}"):
    log("loading torch and transformers")
    with heavy_imports():
        from polymath.training.pretrain import pretrain

    pretrain(
        PretrainingJob.of(snakemake),
        Execution.of(snakemake),
        Path(snakemake.output.manifest),
        Path(snakemake.output.curve),
        log,
    )
