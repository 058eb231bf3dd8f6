"""Fine-tune one condition."""

from pathlib import Path

from polymath.conditions import Condition
from polymath.config import Recipe
from polymath.logs import job, say

condition = Condition(**snakemake.wildcards)
with job(snakemake.log[0], condition.title):
    say("loading torch and transformers")
    from polymath.training.finetune import Job, finetune

    finetune(
        Job(
            condition=condition,
            recipe=Recipe.model_validate_json(snakemake.params.recipe),
            metric=snakemake.params.metric,
            seed=snakemake.params.seed,
            replicates=snakemake.params.replicates,
            tokens=Path(snakemake.input.tokens),
            vocabulary=Path(snakemake.input.vocabulary),
            model=Path(snakemake.input.model),
        ),
        snakemake.threads,
        Path(snakemake.output.predictions),
        Path(snakemake.output.curves),
        say,
    )
