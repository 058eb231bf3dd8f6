"""Probe one condition's models before training."""

import json
from pathlib import Path

from polymath.analyses import Probes
from polymath.conditions import Condition
from polymath.logs import job, say
from polymath.recipes import Recipe

condition = Condition(**json.loads(snakemake.params.condition))
with job(snakemake.log[0], f"probes {condition.title}"):
    say("loading torch and transformers")
    from polymath.training.probe import probe_condition
    from polymath.training.replicate import Job

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
        say,
    )
