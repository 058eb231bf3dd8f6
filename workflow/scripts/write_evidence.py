"""Write every table of evidence."""

import json
from pathlib import Path

from polymath.evaluation.evidence import EvidenceFiles, write_evidence
from polymath.evaluation.matrix import to_markdown
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.util.job_log import job_log, log
from polymath.util.storage import whole_file

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
    with whole_file(markdown) as temporary:
        temporary.write_text(to_markdown(tables["matrix"]), encoding="utf-8")
    log(", ".join(f"{name}: {len(table)} rows" for name, table in tables.items()))
