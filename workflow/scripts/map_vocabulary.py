"""Map one task's symbols into one model's vocabulary."""

from pathlib import Path

from polymath.tokenization.vocabulary_mapping import MappingJob, map_vocabulary
from polymath.util.identity import workflow_job
from polymath.util.job_log import log

with workflow_job(snakemake, f"map {snakemake.wildcards.task}"):
    log(map_vocabulary(MappingJob.of(snakemake), Path(snakemake.output[0])))
