"""Fetch the raw files of one data set or model."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.data.fetch.fetch import fetch
from polymath.experiment.config import Experiment
from polymath.experiment.sources import FetchedSource
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"fetch {snakemake.wildcards.name}"):
    convert = None
    if snakemake.wildcards.kind == "models":
        from polymath.models.convert.checkpoint import standardise as convert

    fetch(
        TypeAdapter(FetchedSource).validate_json(snakemake.params.source),
        Path(snakemake.output[0]),
        snakemake.threads,
        log,
        # Not a parameter of the rule: it changes no result.
        Path(Experiment.model_validate(snakemake.config).lock),
        convert,
    )
