"""Make a model of another's configuration and tokenizer."""

from pathlib import Path

from polymath.experiment.sources import ConfiguredSource
from polymath.util.job_log import job_log, log
from polymath.util.runtime import read_runtime

with job_log(snakemake.log[0], f"configure {snakemake.wildcards.model}"):
    from polymath.models.convert.configured import configure_model

    configure_model(
        ConfiguredSource.model_validate(snakemake.params.source),
        Path(snakemake.input.base),
        Path(snakemake.output[0]),
        log,
        read_runtime().lock,
    )
