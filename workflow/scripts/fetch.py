"""Fetch the raw files of one data set or model."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.data.fetch.fetch import fetch
from polymath.experiment.sources import FetchedSource
from polymath.util.job_log import job_log, log
from polymath.util.runtime import read_runtime

(name,) = snakemake.wildcards
with job_log(snakemake.log[0], f"fetch {name}"):
    source = TypeAdapter(FetchedSource).validate_python(snakemake.params.source)
    manifest, lock = Path(snakemake.output[0]), read_runtime().lock
    if snakemake.wildcards.get("task"):
        fetch(source, manifest, snakemake.threads, log, lock)
    else:
        from polymath.models.convert.fetch_model import fetch_model

        fetch_model(source, manifest, log, lock)
