"""Measure how fast the arms of each pair learn."""

from pathlib import Path

from polymath.convergence import measure_convergence
from polymath.logs import job, say
from polymath.roles import Roles

with job(snakemake.log[0], "convergence"):
    table = measure_convergence(
        [Path(path) for path in snakemake.input.curves],
        [Path(path) for path in snakemake.input.scores],
        Roles.model_validate_json(snakemake.params.roles),
        Path(snakemake.output[0]),
    )
    say(f"{len(table)} comparisons")
