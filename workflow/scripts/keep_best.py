"""Keep the trained models of a task's best arm, and delete those of its others."""

from pathlib import Path

from polymath.experiment.paths import ResultPaths
from polymath.training.keep_best import keep_best
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"best of {snakemake.wildcards.task}"):
    results = ResultPaths.of(snakemake.params.results)
    keep_best(Path(snakemake.input.scores), results, Path(snakemake.output.best), log)
