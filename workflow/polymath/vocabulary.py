"""Vocabulary mappings: which token of the model stands for which symbol of the domain."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer

from polymath.alphabets import load_tokenizer
from polymath.errors import PolymathError
from polymath.files import write_table
from polymath.seeds import derive_seed, hash_order, seed_levels
from polymath.versions import VOCABULARY

# Placeholders that vocabularies keep for later use: BERT's [unused12], T5's and ALBERT's
# <unused_3>, RoBERTa's madeupword0001.
UNUSED = re.compile(r"[\[<]?unused[_-]?\d+[\]>]?|madeupword\d+")

SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("symbol", pa.string()),
        ("symbol_id", pa.int32()),
        ("token_id", pa.int32()),
        ("token", pa.string()),
    ]
)


@dataclass(frozen=True)
class Frame:
    """The special tokens that a model wants around a sequence or a pair, and all token types.

    Attributes:
        special: the ids before the first sequence, after it, and after the second of a pair.
        types: the token types of these ids, a tuple for each.
        inner: the token type of each sequence's own tokens.
    """

    special: tuple[tuple[int, ...], ...]
    types: tuple[tuple[int, ...], ...]
    inner: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of special tokens."""
        return sum(len(part) for part in self.special)


def special_frame(tokenizer: Tokenizer, pairs: bool = False) -> Frame:
    """Read off a tokenizer what it puts around a sequence ([CLS] ... [SEP]), or around a pair."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    framed = tokenizer.encode("a", "a" if pairs else None, add_special_tokens=True)
    special, types, inner = [], [], []
    place = 0
    for _ in range(2 if pairs else 1):
        start = _find(framed.ids, bare, place)
        special.append(tuple(framed.ids[place:start]))
        types.append(tuple(framed.type_ids[place:start]))
        inner.append(framed.type_ids[start])
        place = start + len(bare)
    special.append(tuple(framed.ids[place:]))
    types.append(tuple(framed.type_ids[place:]))
    return Frame(tuple(special), tuple(types), tuple(inner))


def _find(ids: list[int], wanted: list[int], start: int) -> int:
    for place in range(start, len(ids) - len(wanted) + 1):
        if ids[place : place + len(wanted)] == wanted:
            return place
    raise PolymathError("the tokenizer changes a text's tokens when it adds special tokens")


def ordinary_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """Return id and text of every token that is neither special nor unused, by id."""
    stored = json.loads(tokenizer.to_str())
    special = {token["id"] for token in stored["added_tokens"] if token["special"]}
    by_id = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    return {
        number: token
        for number, token in by_id
        if number not in special and not UNUSED.fullmatch(token)
    }


def map_symbols(
    symbols: Tokenizer, model: Tokenizer, mapping: str, seed: int, shift: int
) -> pd.DataFrame:
    """Return one mapping as a table: symbol, symbol_id, token_id, token.

    - random: symbols go to distinct ordinary tokens, drawn by seeded hash.
    - identity, permute, shift: the model's tokens go to themselves, to each other by a
      seeded permutation, or `shift` places on, cyclically; special and unused tokens keep
      their own ids.

    Every mapping is a bijection onto its image, and the same on every machine.

    Raises:
        PolymathError: if the alphabet has more symbols than the model has ordinary tokens.
    """
    ordinary = ordinary_tokens(model)
    table = pd.DataFrame(
        sorted((number, symbol) for symbol, number in symbols.get_vocab().items()),
        columns=["symbol_id", "symbol"],
    )
    if mapping == "random":
        if len(table) > len(ordinary):
            raise PolymathError(
                f"the alphabet has {len(table)} symbols, the model only {len(ordinary)} ordinary "
                "tokens: use characters or shorter k-mers, or a model with a larger vocabulary"
            )
        table["token_id"] = hash_order(list(ordinary), seed)[: len(table)]
    else:
        ids = list(ordinary)
        match mapping:
            case "identity":
                images = ids
            case "permute":
                images = hash_order(ids, seed)
            case "shift":
                images = ids[shift % len(ids) :] + ids[: shift % len(ids)]
            case _:
                raise ValueError(mapping)
        moved = dict(zip(ids, images, strict=True))
        table["token_id"] = [moved.get(number, number) for number in table["symbol_id"]]
    names = {number: token for token, number in model.get_vocab().items()}
    table["token"] = table["token_id"].map(names)
    return table


def map_vocabulary(
    symbols: Path,
    model: Path,
    mapping: str,
    seed: int,
    replicates: int,
    crossed: Mapping[str, int],
    shift: int,
    vocabulary: Path,
) -> str:
    """Write the mappings of all replicates as one table; return a line about them.

    Args:
        symbols: the domain's tokenizer.json.
        model: the model's tokenizer.json.
        seed: the experiment's; replicates draw from its stream «mapping».
        crossed: see `seeds.seed_levels`.
    """
    domain, target = load_tokenizer(symbols), load_tokenizer(model)
    levels = [seed_levels(replicate, crossed)["mapping"] for replicate in range(replicates)]
    tables = [
        map_symbols(domain, target, mapping, derive_seed(seed, "mapping", level), shift).assign(
            replicate=replicate
        )
        for replicate, level in enumerate(levels)
    ]
    provenance = {
        "mapping": mapping,
        "seed": seed,
        "shift": shift if mapping == "shift" else None,
        "code_version": VOCABULARY,
    }
    write_table(pd.concat(tables)[SCHEMA.names], vocabulary, SCHEMA, provenance)
    return f"{mapping}: {len(tables[0])} symbols, {replicates} replicates"
