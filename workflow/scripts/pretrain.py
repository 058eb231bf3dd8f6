"""Pre-train one model."""

from pathlib import Path

from polymath.experiment.config import Experiment
from polymath.experiment.sources import PretrainSource
from polymath.util.job_log import job_log, log

experiment = Experiment.model_validate(snakemake.config)
with job_log(snakemake.log[0], f"pretrain {snakemake.wildcards.model}"):
    log("loading torch and transformers")
    from polymath.training.job import Execution, PretrainingJob
    from polymath.training.pretrain import pretrain

    pretrain(
        PretrainingJob(
            source=PretrainSource.model_validate_json(snakemake.params.source),
            seed=snakemake.params.seed,
            tokens=Path(snakemake.input.tokens),
            vocabulary=Path(snakemake.input.vocabulary),
            base=Path(snakemake.input.base),
        ),
        Execution(
            threads=snakemake.threads,
            # Not parameters of the rule: a change of them makes no result stale.
            checkpoint_seconds=experiment.checkpoint_seconds,
            conditions_per_gpu=experiment.conditions_per_gpu,
        ),
        Path(snakemake.output.manifest),
        Path(snakemake.output.curve),
        log,
    )
