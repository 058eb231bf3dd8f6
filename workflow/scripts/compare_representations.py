"""Compare the representations of the models of one task."""

import json
from pathlib import Path

from polymath.experiment.analyses import Representations
from polymath.experiment.conditions import Condition
from polymath.experiment.recipes import Recipe
from polymath.experiment.representation_contrasts import Arm
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"representations {' '.join(snakemake.wildcards)}"):
    log("loading torch and transformers")
    from polymath.analysis.representations.run import Subject, Tables, compare_representations
    from polymath.training.job import Job

    compare_representations(
        [
            Subject(
                Arm(arm["role"], Condition(**arm["condition"])),
                Job(
                    condition=Condition(**arm["condition"]),
                    recipe=Recipe.model_validate_json(snakemake.params.recipe),
                    metric=snakemake.params.metric,
                    seed=snakemake.params.seed,
                    replicates=snakemake.params.replicates,
                    crossed=json.loads(snakemake.params.crossed),
                    tokens=Path(snakemake.input.tokens),
                    vocabulary=Path(vocabulary),
                    model=Path(model),
                ),
                Path(arm["kept"]) if arm["kept"] else None,
            )
            for arm, vocabulary, model in zip(
                json.loads(snakemake.params.arms),
                snakemake.input.vocabularies,
                snakemake.input.models,
                strict=True,
            )
        ],
        Representations.model_validate_json(snakemake.params.settings),
        snakemake.threads,
        Tables(Path(snakemake.output.similarity), Path(snakemake.output.heads)),
        log,
    )
