"""Prepare the records and the data card of one task."""

from pathlib import Path

from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.util.job_log import job_log, log
from polymath.util.storage import read_json

with job_log(snakemake.log[0], f"prepare {snakemake.wildcards.task}"):
    table = prepare_records(
        snakemake.wildcards.task,
        Dataset.model_validate(snakemake.params.job["dataset"]),
        Path(snakemake.input.manifest),
        snakemake.params.job["seed"],
        Path(snakemake.output.records),
        Path(snakemake.output.card),
        snakemake.threads,
    )
    for notice in read_json(Path(snakemake.output.card))["notices"]:
        log(f"NOTE: {notice}")
    log(f"{len(table)} records: {table['split'].value_counts().to_dict()}")
