"""Fine-tune one condition."""

import json
from pathlib import Path

from polymath.experiment.conditions import Condition
from polymath.experiment.config import Experiment
from polymath.experiment.recipes import Recipe
from polymath.util.job_log import job_log, log

experiment = Experiment.model_validate(snakemake.config)
condition = Condition(**snakemake.wildcards)
with job_log(snakemake.log[0], condition.title):
    models = snakemake.output.get("models")  # only if the configuration keeps them
    log("loading torch and transformers")
    from polymath.training.finetune import finetune
    from polymath.training.job import Execution, Job, Outputs

    finetune(
        Job(
            condition=condition,
            recipe=Recipe.model_validate_json(snakemake.params.recipe),
            metric=snakemake.params.metric,
            seed=snakemake.params.seed,
            replicates=snakemake.params.replicates,
            crossed=json.loads(snakemake.params.crossed),
            tokens=Path(snakemake.input.tokens),
            vocabulary=Path(snakemake.input.vocabulary),
            model=Path(snakemake.input.model),
        ),
        Execution(
            threads=snakemake.threads,
            # Not parameters of the rule: a change of them makes no result stale.
            checkpoint_seconds=experiment.checkpoint_seconds,
            conditions_per_gpu=experiment.conditions_per_gpu,
        ),
        Outputs(
            predictions=Path(snakemake.output.predictions),
            curves=Path(snakemake.output.curves),
            models=Path(models) if models else None,
        ),
        log,
    )
