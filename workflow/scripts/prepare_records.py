"""Prepare the records and the data card of one task."""

from pathlib import Path

from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.util.identity import workflow_job
from polymath.util.job_log import log
from polymath.util.storage import read_json

params = snakemake.params
with workflow_job(snakemake, f"prepare {snakemake.wildcards.task}"):
    table = prepare_records(
        snakemake.wildcards.task,
        Dataset.model_validate({**params.job["dataset"], "source": params.source}),
        Path(snakemake.input.manifest),
        params.job["seed"],
        Path(snakemake.output.records),
        Path(snakemake.output.card),
        snakemake.threads,
    )
    for notice in read_json(Path(snakemake.output.card))["notices"]:
        log(f"NOTE: {notice}")
    log(f"{len(table)} records: {table['split'].value_counts().to_dict()}")
