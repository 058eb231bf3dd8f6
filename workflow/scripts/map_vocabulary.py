"""Map one task's symbols into one model's vocabulary."""

from pathlib import Path

from polymath.logs import job, say
from polymath.manifest import locate_named
from polymath.vocabulary import map_vocabulary

with job(snakemake.log[0], f"map {snakemake.wildcards.task}"):
    say(
        map_vocabulary(
            Path(snakemake.input.symbols),
            locate_named(Path(snakemake.input.model), "tokenizer.json"),
            snakemake.wildcards.mapping,
            snakemake.params.seed,
            snakemake.params.replicates,
            snakemake.params.shift,
            Path(snakemake.output[0]),
        )
    )
