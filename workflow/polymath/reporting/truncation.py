"""What the report says of sequences that are longer than what is read of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from polymath.data.fetch.manifest import Manifest
from polymath.data.fetch.starting_model import starting_manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.config import TOKEN_MAPPINGS
from polymath.experiment.lineage import OWN_TOKENIZER
from polymath.experiment.paths import ResultPaths
from polymath.experiment.reading_limit import describe_share
from polymath.tokenization.special_tokens import room_for_symbols
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.util.storage import read_json, read_with_metadata

WORTH_SAYING = 0.01  # share of the rows that are truncated


def describe_truncation(
    conditions: Iterable[Condition], results: ResultPaths, cards: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return for each task and model how much of its sequences is read, where that is not all.

    Args:
        cards: the data card of each task.
    """
    read: dict[tuple[str, str, str], Condition] = {}
    for c in conditions:
        if not c.is_baseline:
            tokenizer = c.model if c.mapping in TOKEN_MAPPINGS else OWN_TOKENIZER
            read.setdefault((c.task, c.model, tokenizer), c)
    lines = (
        _describe(results, cards[task], condition, tokenizer)
        for (task, _, tokenizer), condition in read.items()
    )
    return list(dict.fromkeys(line for line in lines if line))


def _describe(
    results: ResultPaths, card: Mapping[str, Any], condition: Condition, tokenizer: str
) -> str:
    task, model, unit = card["task"], condition.model, card["length"]["unit"]
    tokens, manifest = results.tokens(task, tokenizer), starting_manifest(results, condition)
    if not (tokens.is_file() and manifest.is_file()):
        return ""
    rows, metadata = read_with_metadata(tokens)
    limit, truncated = int(metadata["max_length"]), int(metadata["truncated"])
    room = _room(manifest, "ids2" in rows)
    if room is not None and room < limit:
        limit, truncated = room, int((rows["length"] > room).sum())
    if truncated < WORTH_SAYING * len(rows):
        return ""
    median = card["length"]["median"]
    if rows["window"].max() == 0 and unit == "symbols" and median > limit:
        return f"Truncation: {describe_share(f'{task}, {model}', unit, median, limit)}."
    return (
        f"Truncation: {task}, {model}: {truncated / len(rows):.0%} of the rows are longer than the "
        f"{limit:,} tokens that are read of them."
    )


def _room(manifest: Path, pairs: bool) -> int | None:
    """Return how many symbols a fetched model reads."""
    files = {Path(file.path).name: manifest.parent / file.path for file in
             Manifest.read(manifest).files}  # fmt: skip
    if not {"config.json", "tokenizer.json"} <= files.keys():
        return None
    tokenizer = load_tokenizer(files["tokenizer.json"])
    return room_for_symbols(read_json(files["config.json"]), tokenizer, pairs)
