"""Compare the representations of the models of one task."""

from pathlib import Path

from polymath.experiment.analyses import Representations
from polymath.util.heavy_imports import heavy_imports
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, f"representations {' '.join(snakemake.wildcards)}"):
    log("loading torch and transformers")
    with heavy_imports():
        from polymath.analysis.representations.run import Subject, Tables, compare_representations

    compare_representations(
        Subject.all_of(snakemake),
        Representations.model_validate(snakemake.params.job["settings"]),
        snakemake.threads,
        Tables(Path(snakemake.output.similarity), Path(snakemake.output.heads)),
        log,
    )
