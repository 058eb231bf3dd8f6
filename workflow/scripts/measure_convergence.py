"""Measure how fast the arms of each pair learn."""

from pathlib import Path

from polymath.evaluation.convergence import measure_convergence
from polymath.evaluation.scores import curves_behind
from polymath.experiment.lineage import Lineage
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "convergence"):
    scores = [Path(path) for path in snakemake.input]
    table = measure_convergence(
        curves_behind(scores, Path(snakemake.params.runs)),
        scores,
        Lineage.model_validate_json(snakemake.params.lineage),
        Path(snakemake.output[0]),
    )
    log(f"{len(table)} comparisons")
