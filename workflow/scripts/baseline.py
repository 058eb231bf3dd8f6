"""Answer one task simply."""

import json
from pathlib import Path

from polymath.experiment.conditions import Condition
from polymath.util.job_log import job_log, log

condition = Condition(**snakemake.wildcards)
with job_log(snakemake.log[0], condition.title):
    log("loading scikit-learn")
    from polymath.training.baselines import answer
    from polymath.training.job import BaselineJob

    answer(
        BaselineJob(
            condition=condition,
            metric=snakemake.params.metric,
            seed=snakemake.params.seed,
            replicates=snakemake.params.replicates,
            crossed=json.loads(snakemake.params.crossed),
            tokens=Path(snakemake.input.tokens),
        ),
        Path(snakemake.output.predictions),
        Path(snakemake.output.curves),
        log,
    )
