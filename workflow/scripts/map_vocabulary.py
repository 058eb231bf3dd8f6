"""Map one task's symbols into one model's vocabulary."""

import json
from pathlib import Path

from polymath.data.fetch.manifest import Manifest
from polymath.tokenization.vocabulary_mapping import map_vocabulary
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], f"map {snakemake.wildcards.task}"):
    log(
        map_vocabulary(
            Path(snakemake.input.symbols),
            Manifest.read(Path(snakemake.input.model)).locate("tokenizer.json"),
            snakemake.wildcards.mapping,
            snakemake.params.seed,
            snakemake.params.replicates,
            json.loads(snakemake.params.crossed),
            snakemake.params.shift,
            Path(snakemake.output[0]),
            Path(tokens) if (tokens := snakemake.input.get("tokens")) else None,
        )
    )
