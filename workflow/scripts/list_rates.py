"""List what each condition scored on dev at every learning rate it tried."""

from pathlib import Path

from polymath.evaluation.rate_sensitivity import list_rates
from polymath.evaluation.scores import curves_behind
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "rates"):
    scores = [Path(path) for path in snakemake.input]
    curves = curves_behind(scores, Path(snakemake.params.runs))
    table = list_rates(curves, Path(snakemake.output[0]))
    log(f"{len(table)} rates, {int(table['at_edge'].sum())} chosen at the edge")
