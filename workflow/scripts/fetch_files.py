"""Fetch the raw files of one data set or model."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.config import Experiment
from polymath.logs import job, say
from polymath.origins import FetchedSource
from polymath.sources.fetch import fetch

with job(snakemake.log[0], f"fetch {snakemake.wildcards.name}"):
    fetch(
        TypeAdapter(FetchedSource).validate_json(snakemake.params.source),
        Path(snakemake.output[0]),
        snakemake.threads,
        say,
        # Not a parameter of the rule: it changes no result.
        Path(Experiment.model_validate(snakemake.config).lock),
        is_model=snakemake.wildcards.kind == "models",
    )
