"""Compare all pairs of conditions."""

from pathlib import Path

from polymath.evaluation.comparisons import Evidence, compare
from polymath.evaluation.scores import predictions_behind
from polymath.experiment.lineage import Lineage
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "compare"):
    scores = [Path(path) for path in snakemake.input]
    table = compare(
        scores,
        predictions_behind(scores, Path(snakemake.params.runs)),
        Lineage.model_validate_json(snakemake.params.lineage),
        Evidence(
            estimates=Path(snakemake.output.estimates),
            comparisons=Path(snakemake.output.comparisons),
            summary=Path(snakemake.output.summary),
        ),
    )
    log(f"{len(table)} comparisons")
