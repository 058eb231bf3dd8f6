"""Find what makes one task easier than it looks."""

from functools import partial
from pathlib import Path

from polymath.data.shortcuts import find_shortcuts
from polymath.evaluation.metrics import headline_by_sizes
from polymath.experiment.datasets import Alphabet, SimilarityGroups
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, f"shortcuts {snakemake.wildcards.task}"):
    job = snakemake.params.job
    found = find_shortcuts(
        Path(snakemake.input.records),
        Alphabet.model_validate(job["alphabet"]),
        SimilarityGroups.model_validate(job["similarity_groups"]),
        partial(headline_by_sizes, job["metric"], "positive" in job),
        Path(snakemake.output[0]),
    )
    near, rule = found["near_neighbours"], found["rule"]
    log(f"{near['near']} of {near['compared_test_rows']} test records have a near neighbour")
    log(f"best rule on one feature: {rule['rule']}: {found['metric']} {rule['test']:.3f}")
