"""Make a model of another's configuration and tokenizer."""

from pathlib import Path

from polymath.experiment.config import Experiment
from polymath.experiment.sources import ConfiguredSource
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"configure {snakemake.wildcards.model}"):
    from polymath.models.convert.configured import configure_model

    configure_model(
        ConfiguredSource.model_validate_json(snakemake.params.source),
        Path(snakemake.input.base),
        Path(snakemake.output[0]),
        log,
        # Not a parameter of the rule: it changes no result.
        Path(Experiment.model_validate(snakemake.config).lock),
    )
