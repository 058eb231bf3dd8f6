"""Probe one condition's models before training."""

import json
from pathlib import Path

from polymath.experiment.analyses import Probes
from polymath.experiment.conditions import Condition
from polymath.experiment.recipes import Recipe
from polymath.util.job_log import job_log, log

condition = Condition(**json.loads(snakemake.params.condition))
with job_log(snakemake.log[0], f"probes {condition.title}"):
    log("loading torch and transformers")
    from polymath.analysis.trainability.run import probe_condition
    from polymath.training.job import Job

    probe_condition(
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
        Probes.model_validate_json(snakemake.params.settings),
        snakemake.threads,
        Path(snakemake.output[0]),
        log,
    )
