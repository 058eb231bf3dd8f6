"""Vocabulary mappings: the token of the model that stands for each symbol of the domain.

An alphabet of its own:

- random: symbols go to distinct ordinary tokens, drawn by seeded hash.
- frequency: the commonest symbol goes to the commonest word, and so on; see `common_words`.
- character: each symbol goes to the token of its own text.
- authors: symbols go to distinct tokens of the whole vocabulary, special and unused ones
  included, and so do the special tokens around a sequence (rows with a negative symbol_id,
  see `special_symbol`), as in Kao and Lee's code.

The model's own tokens:

- identity, permute, shift: they go to themselves, to each other by a seeded permutation, or
  `shift` places on, cyclically; special and unused tokens keep their own ids.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.stage_versions import VOCABULARY
from polymath.tokenization.special_tokens import SpecialTokens, special_symbol
from polymath.tokenization.tokenize import load_symbols
from polymath.tokenization.tokenizers import common_words, load_tokenizer, ordinary_tokens
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed, hash_order, seed_levels
from polymath.util.storage import read_table, write_table

SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("symbol", pa.string()),
        ("symbol_id", pa.int32()),
        ("token_id", pa.int32()),
        ("token", pa.string()),
    ]
)


def map_symbols(
    symbols: Tokenizer,
    model: Tokenizer,
    mapping: str,
    seed: int,
    shift: int = 0,
    counts: Mapping[int, int] | None = None,
) -> pd.DataFrame:
    """Return one mapping of the module's list as a table: symbol, symbol_id, token_id, token.

    Every mapping is a bijection onto its image, and the same on every machine.

    Args:
        counts: for `frequency`, how often each symbol id occurs in training rows.

    Raises:
        PolymathError: if the model has no token for a symbol.
    """
    table = pd.DataFrame(
        sorted((number, symbol) for symbol, number in symbols.get_vocab().items()),
        columns=["symbol_id", "symbol"],
    )
    match mapping:
        case "random":
            table["token_id"] = _take(hash_order(list(ordinary_tokens(model)), seed), table)
        case "frequency":
            assert counts is not None
            # Sorting is stable: equally common symbols stay in hash order.
            order = hash_order(list(table["symbol_id"]), seed)
            ranked = sorted(order, key=lambda number: -counts.get(number, 0))
            words = dict(zip(ranked, _take(common_words(model), table), strict=True))
            table["token_id"] = table["symbol_id"].map(words)
        case "character":
            table["token_id"] = _own_tokens(list(table["symbol"]), ordinary_tokens(model))
        case "authors":
            table = pd.concat([_special_rows(model), table], ignore_index=True)
            table["token_id"] = _take(hash_order(sorted(model.get_vocab().values()), seed), table)
        case _:
            moved = _move_tokens(list(ordinary_tokens(model)), mapping, seed, shift)
            table["token_id"] = [moved.get(number, number) for number in table["symbol_id"]]
    names = {number: token for token, number in model.get_vocab().items()}
    table["token"] = table["token_id"].map(names)
    return table


def _special_rows(model: Tokenizer) -> pd.DataFrame:
    specials = sorted(set().union(*SpecialTokens.of(model).ids))
    rows = [(special_symbol(token), model.id_to_token(token)) for token in specials]
    return pd.DataFrame(rows, columns=["symbol_id", "symbol"])


def _take(tokens: list[int], table: pd.DataFrame) -> list[int]:
    """Return as many tokens as the alphabet has symbols."""
    if len(table) > len(tokens):
        raise PolymathError(
            f"the alphabet has {len(table)} symbols, the model only {len(tokens)} tokens to map "
            "them to: use characters or shorter k-mers, or a model with a larger vocabulary"
        )
    return tokens[: len(table)]


def _own_tokens(symbols: list[str], ordinary: dict[int, str]) -> list[int]:
    """Return the token of each symbol's own text: as it is or in lower case, also with the mark of
    a word's start (Ġ, ▁).
    """
    ids = {text: number for number, text in ordinary.items()}
    spellings = [
        [start + text for text in (symbol, symbol.lower()) for start in ("", "Ġ", "▁")]
        for symbol in symbols
    ]
    matches = [next((ids[text] for text in texts if text in ids), None) for texts in spellings]
    absent = [symbol for symbol, token in zip(symbols, matches, strict=True) if token is None]
    if absent:
        raise PolymathError(
            f"mapping character: the model has no token for {len(absent)} of {len(symbols)} "
            f"symbols, for example {absent[0]!r}: use mapping random for this task and model"
        )
    tokens = [token for token in matches if token is not None]
    for token in tokens:
        if tokens.count(token) > 1:
            first, second, *_ = (
                symbol for symbol, its in zip(symbols, tokens, strict=True) if its == token
            )
            raise PolymathError(
                f"mapping character: the symbols {first!r} and {second!r} would share the token "
                f"{ordinary[token]!r}: set 'uppercase' of the alphabet, or use mapping random"
            )
    return tokens


def _move_tokens(ids: list[int], mapping: str, seed: int, shift: int) -> dict[int, int]:
    match mapping:
        case "identity":
            images = ids
        case "permute":
            images = hash_order(ids, seed)
        case "shift":
            images = ids[shift % len(ids) :] + ids[: shift % len(ids)]
        case _:
            raise ValueError(mapping)
    return dict(zip(ids, images, strict=True))


@dataclass(frozen=True)
class MappingJob:
    """What the mappings of one task's symbols into one model's vocabulary depend on.

    Attributes:
        symbols: the domain's tokenizer.json.
        model: the model's tokenizer.json.
        seed: the experiment's; replicates draw from its stream `mapping`.
        crossed: see `seeds.seed_levels`.
        trials: how many more replicates choose a learning rate; they have numbers below 0.
        tokens: the task's tokens, for mapping `frequency`.
    """

    symbols: Path
    model: Path
    mapping: str
    seed: int
    replicates: int
    crossed: Mapping[str, int] = field(default_factory=dict)
    shift: int = 0
    trials: int = 0
    tokens: Path | None = None

    @classmethod
    def of(cls, snakemake: Any) -> "MappingJob":
        """Return the job of a rule with inputs symbols, model and tokens."""
        source = snakemake.input
        return cls(
            symbols=Path(source.symbols),
            model=Manifest.read(Path(source.model)).locate("tokenizer.json"),
            mapping=snakemake.wildcards.mapping,
            tokens=Path(source.tokens) if source.tokens else None,
            **snakemake.params.job,
        )


def map_vocabulary(job: MappingJob, vocabulary: Path) -> str:
    """Write the mappings of all replicates as one table; return a line for the log."""
    domain, target = load_symbols(job.symbols), load_tokenizer(job.model)
    counts = _count_symbols(job.tokens) if job.tokens else None
    tables = [
        map_symbols(
            domain,
            target,
            job.mapping,
            derive_seed(job.seed, "mapping", seed_levels(number, job.crossed)["mapping"]),
            job.shift,
            counts,
        ).assign(replicate=number)
        for number in range(-job.trials, job.replicates)
    ]
    provenance = {
        "mapping": job.mapping,
        "seed": job.seed,
        "shift": job.shift if job.mapping == "shift" else None,
        "code_version": VOCABULARY,
    }
    write_table(pd.concat(tables)[SCHEMA.names], vocabulary, SCHEMA, provenance)
    return f"{job.mapping}: {len(tables[0])} symbols, {job.replicates} replicates"


def _count_symbols(tokens: Path) -> dict[int, int]:
    """Return the count of each symbol in the training rows."""
    rows = read_table(tokens)
    train = rows[rows["split"] == "train"]
    columns = [train[name] for name in ("ids", "ids2") if name in train]
    return Counter(int(symbol) for column in columns for ids in column for symbol in ids)
