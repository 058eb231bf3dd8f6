"""Tokenize one task's records."""

from pathlib import Path

from pydantic import TypeAdapter

from polymath.catalogue import Alphabet, Windows
from polymath.logs import job, say
from polymath.manifest import locate_named
from polymath.tokens import tokenize_records

with job(snakemake.log[0], f"tokenize {snakemake.wildcards.task}"):
    model = snakemake.input.get("model")
    say(
        tokenize_records(
            Path(snakemake.input.records),
            Alphabet.model_validate_json(snakemake.params.alphabet),
            TypeAdapter(Windows | None).validate_json(snakemake.params.windows),
            snakemake.params.max_length,
            Path(snakemake.output.tokens),
            Path(snakemake.output.tokenizer),
            locate_named(Path(model), "tokenizer.json") if model else None,
        )
    )
