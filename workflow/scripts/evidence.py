"""Derive every table of evidence from scores and curves."""

from pathlib import Path

from polymath.evaluation.evidence import EvidenceFiles, write_evidence
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, "evidence"):
    tables = write_evidence(
        [Path(path) for path in snakemake.input.scores],
        ResultPaths.of(snakemake.params.results),
        Lineage.model_validate(snakemake.params.lineage),
        snakemake.params.crossed,
        EvidenceFiles(**{name: Path(path) for name, path in snakemake.output.items()}),
    )
    log(", ".join(f"{len(table)} {name}" for name, table in tables.items()))
