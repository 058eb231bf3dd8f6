"""Tokenize one task's records."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.datasets import Alphabet, Windows
from polymath.tokenization.tokenize import tokenize_records
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

job = snakemake.params.job
with workflow_job(snakemake, f"tokenize {snakemake.wildcards.task}"):
    model = snakemake.input.get("model")
    log(
        tokenize_records(
            Path(snakemake.input.records),
            Alphabet.model_validate(job["alphabet"]),
            TypeAdapter(Windows | None).validate_python(job.get("windows")),
            job["max_length"],
            Path(snakemake.output.tokens),
            Path(snakemake.output.tokenizer),
            Manifest.read(Path(model)).locate("tokenizer.json") if model else None,
        )
    )
