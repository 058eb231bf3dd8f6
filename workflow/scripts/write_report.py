"""Write the report."""

import json
from pathlib import Path

from polymath.evaluation.scores import predictions_behind
from polymath.reporting.html.content import Picture, Sources
from polymath.reporting.html.page import write_report
from polymath.util.job_log import job_log

with job_log(snakemake.log[0], "report"):
    asked_for = {name: snakemake.input.get(name) for name in ("similarity", "probes", "rates")}
    scores = [Path(path) for path in snakemake.input.scores]
    write_report(
        Sources(
            matrix=Path(snakemake.input.matrix),
            claims=Path(snakemake.input.claims),
            summary=Path(snakemake.input.summary),
            convergence=Path(snakemake.input.convergence),
            cards=[Path(path) for path in snakemake.input.cards],
            predictions=predictions_behind(scores, Path(snakemake.params.runs)),
            pictures=[
                Picture(Path(picture["svg"]), picture["caption"], picture["wildcards"])
                for picture in json.loads(snakemake.params.pictures)
            ],
            **{name: Path(path) for name, path in asked_for.items() if path},
        ),
        json.loads(snakemake.params.configuration),
        Path(snakemake.output[0]),
    )
