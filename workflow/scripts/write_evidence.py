"""Write every table of evidence, and the matrix as a page."""

import json
from pathlib import Path

from polymath.evaluation.evidence import EvidenceFiles, write_evidence
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.reporting.matrix import write_matrix_page
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "evidence"):
    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    markdown = outputs.pop("markdown")
    tables = write_evidence(
        [Path(path) for path in snakemake.input],
        ResultPaths.of(snakemake.params.results),
        Lineage.model_validate_json(snakemake.params.lineage),
        json.loads(snakemake.params.crossed),
        EvidenceFiles(**outputs),
    )
    write_matrix_page(outputs["matrix"], markdown)
    log(", ".join(f"{name}: {len(table)} rows" for name, table in tables.items()))
