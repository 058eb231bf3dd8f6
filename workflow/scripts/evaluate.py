"""Score the predictions of all conditions of one task."""

from pathlib import Path

from polymath.evaluate import evaluate
from polymath.logs import job, say

with job(snakemake.log[0], f"evaluate {snakemake.wildcards.task}"):
    evaluate(
        [Path(path) for path in snakemake.input],
        snakemake.params.metric,
        Path(snakemake.output[0]),
        say,
    )
