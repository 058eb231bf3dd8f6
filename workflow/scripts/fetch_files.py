"""Fetch the raw files of one data set or model."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.data.fetch.fetch import fetch
from polymath.experiment.config import Experiment
from polymath.experiment.sources import FetchedSource
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"fetch {snakemake.wildcards.name}"):
    source = TypeAdapter(FetchedSource).validate_json(snakemake.params.source)
    manifest = Path(snakemake.output[0])
    # Not a parameter of the rule: it changes no result.
    lock_file = Path(Experiment.model_validate(snakemake.config).lock)
    if snakemake.wildcards.kind == "models":
        from polymath.models.convert.fetch_model import fetch_model

        fetch_model(source, manifest, log, lock_file)
    else:
        fetch(source, manifest, snakemake.threads, log, lock_file)
