"""Map one task's symbols into one model's vocabulary."""

from pathlib import Path

from polymath.data.fetch.manifest import Manifest
from polymath.tokenization.vocabulary_mapping import map_vocabulary
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = snakemake.params.job
with workflow_job(snakemake, f"map {snakemake.wildcards.task}"):
    tokens = snakemake.input.get("tokens")
    log(
        map_vocabulary(
            Path(snakemake.input.symbols),
            Manifest.read(Path(snakemake.input.model)).locate("tokenizer.json"),
            snakemake.wildcards.mapping,
            job["seed"],
            job["replicates"],
            job.get("crossed", {}),
            job.get("shift", 0),
            Path(snakemake.output[0]),
            Path(tokens) if tokens else None,
            job.get("trials", 0),
        )
    )
