"""Pre-train one model."""

from pathlib import Path

from polymath.training.job import Execution, PretrainingJob
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"pretrain {snakemake.wildcards.model}"):
    log("loading torch and transformers")
    from polymath.training.pretrain import pretrain

    pretrain(
        PretrainingJob.of(snakemake),
        Execution.of(snakemake),
        Path(snakemake.output.manifest),
        Path(snakemake.output.curve),
        log,
    )
