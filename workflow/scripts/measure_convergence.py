"""Measure how fast the arms of each pair learn."""

from pathlib import Path

from polymath.convergence import measure_convergence
from polymath.evaluate import curves_behind
from polymath.logs import job, say
from polymath.roles import Roles

with job(snakemake.log[0], "convergence"):
    scores = [Path(path) for path in snakemake.input]
    table = measure_convergence(
        curves_behind(scores, Path(snakemake.params.runs)),
        scores,
        Roles.model_validate_json(snakemake.params.roles),
        Path(snakemake.output[0]),
    )
    say(f"{len(table)} comparisons")
