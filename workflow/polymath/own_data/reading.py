"""How models read a task: token ids, and how many rows are truncated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tokenizers import Tokenizer

from polymath.data.fetch.local import own_files
from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import fitting
from polymath.experiment.config import TOKEN_MAPPINGS, Experiment
from polymath.experiment.datasets import Dataset
from polymath.experiment.lineage import spelling_of
from polymath.experiment.paths import ResultPaths
from polymath.tokenization.special_tokens import room_for_symbols
from polymath.tokenization.tokenize import encode_records
from polymath.tokenization.tokenizers import build_tokenizer, load_tokenizer
from polymath.tokenization.vocabulary_mapping import map_symbols
from polymath.util.seeds import derive_seed
from polymath.util.storage import read_json

FILES = ("tokenizer.json", "config.json")


@dataclass(frozen=True)
class Reading:
    """How one model reads a task.

    Attributes:
        ids: of each record's first window: the token ids of its symbols.
        tokens: the symbols, as the tokenizer cuts them; None where they are the alphabet's.
        ids_of: whose ids they are.
        rows: rows (windows) that are read.
        truncated: those that are longer than `limit`.
        limit: symbols that are read of a row.
        median: symbols of a row.
        whose: what sets the limit.
    """

    model: str
    ids: list[list[int]]
    tokens: list[list[str]] | None
    ids_of: str
    rows: int
    truncated: int
    limit: int
    median: float
    whose: str

    def symbols(self, place: int, own: list[list[str]]) -> list[str]:
        """Return a record's symbols, as the model reads them."""
        return self.tokens[place] if self.tokens is not None else own[place]

    def describe(self) -> str:
        """Return how many rows are truncated, in words."""
        return (
            f"{self.model}: {self.truncated:,} of {self.rows:,} rows "
            f"({self.truncated / self.rows:.1%}) are longer than {self.limit:,} ({self.whose}) and "
            "truncated"
        )


def read_as_models(experiment: Experiment, task: str, table: pd.DataFrame) -> list[Reading]:
    """Return how each model that fits a task reads its records, in the mapping named first."""
    readings = []
    for model in experiment.models:
        fit = fitting(experiment, task, model)
        mapping = next((name for name in experiment.mappings_of(task) if name in fit), None)
        if mapping is not None:
            readings.append(_read(experiment, task, model, mapping, table))
    return readings


def _read(
    experiment: Experiment, task: str, model: str, mapping: str, table: pd.DataFrame
) -> Reading:
    dataset, files = experiment.datasets[task], _local_files(experiment, model)
    of_model = load_tokenizer(files["tokenizer.json"]) if files else None
    alphabet, tokenizer = dataset.alphabet, of_model
    if mapping in TOKEN_MAPPINGS and alphabet.kind != "model":
        alphabet = spelling_of(experiment, model)
    if mapping not in TOKEN_MAPPINGS or tokenizer is None:
        names = [name for name in ("sequence", "sequence2") if name in table]
        tokenizer = build_tokenizer(pd.concat([table[name] for name in names]), dataset.alphabet)
    rows = encode_records(table, tokenizer, alphabet, dataset.windows)
    first = rows[rows["window"] == 0]
    cut = None
    if tokenizer is of_model:
        cut = [[str(tokenizer.id_to_token(number)) for number in ids[:50]] for ids in first["ids"]]
    ids, ids_of = list(first["ids"]), "of the task's own symbols"
    if of_model is not None:
        seed = derive_seed(experiment.seed, "mapping")  # its first level, as replicate 0 has
        known = mapping if mapping != "frequency" else "random"  # counts are made by the run
        mapped = map_symbols(tokenizer, of_model, known, seed, experiment.shift)
        tokens = dict(zip(mapped["symbol_id"], mapped["token_id"], strict=True))
        ids = [[int(tokens[number]) for number in row] for row in ids]
        ids_of = f"of {model}, mapping {known}, replicate 0"
    elif alphabet.kind == "model":
        ids_of = f"of words, as {model} is not downloaded yet: its tokens are about 1.4 times more"
    else:
        ids_of += f", as {model} is not downloaded yet"
    limit, whose = _limit(dataset, files, of_model, "ids2" in rows)
    return Reading(
        model=model,
        ids=ids,
        tokens=cut,
        ids_of=ids_of,
        rows=len(rows),
        truncated=int((rows["length"] > limit).sum()),
        limit=limit,
        median=float(rows["length"].median()),
        whose=whose,
    )


def _limit(
    dataset: Dataset, files: dict[str, Path], tokenizer: Tokenizer | None, pairs: bool
) -> tuple[int, str]:
    """Return how many symbols of a row are read, and what sets that limit."""
    if tokenizer is not None:
        config: dict[str, Any] = read_json(files["config.json"])
        room = room_for_symbols(config, tokenizer, pairs)
        if room is not None and room < dataset.max_length:
            return room, "the model's positions"
    return dataset.max_length, "max_length"


def _local_files(experiment: Experiment, model: str) -> dict[str, Path]:
    """Return a model's tokenizer.json and config.json if both are here, else nothing."""
    manifest = ResultPaths.of(experiment.results).model_manifest(model)
    if manifest.is_file():
        listed = Manifest.read(manifest).files
        files = [manifest.parent / file.path for file in listed]
    else:
        files = own_files(experiment.checkpoints[model].source)
    named = {file.name: file for file in files if file.name in FILES and file.is_file()}
    return named if len(named) == len(FILES) else {}
