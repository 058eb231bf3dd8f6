"""Judge the paper's claims."""

import json
from pathlib import Path

from polymath.evaluation.claims import Tables, judge
from polymath.experiment.lineage import Lineage
from polymath.reporting.claims_page import write_claims_page
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "claims"):
    similarity = snakemake.input.get("similarity")  # only where it is measured
    table = judge(
        Tables(
            estimates=Path(snakemake.input.estimates),
            comparisons=Path(snakemake.input.comparisons),
            convergence=Path(snakemake.input.convergence),
            similarity=Path(similarity) if similarity else None,
        ),
        Lineage.model_validate_json(snakemake.params.lineage),
        json.loads(snakemake.params.crossed),
        Path(snakemake.output.parquet),
    )
    write_claims_page(
        Path(snakemake.output.parquet),
        Path(snakemake.input.summary),
        Path(snakemake.output.markdown),
    )
    log(", ".join(f"{count} {name}" for name, count in table["verdict"].value_counts().items()))
