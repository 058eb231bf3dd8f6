"""Encode a task for one model: map symbols to token ids, truncate, add special tokens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.models.build import longest_input
from polymath.models.compact_embeddings import compact_embeddings
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.task_data import Task, train_mask
from polymath.tokenization.tokenize import truncate_pair
from polymath.training.batches import EncodedSplit
from polymath.util.errors import PolymathError
from polymath.util.seeds import named_seed


@dataclass(frozen=True)
class EncodedTask:
    """The splits of one replicate.

    Attributes:
        truncated: rows that exceeded the model's longest input.
        tokens: the embedding row of each token in use.
        shuffled_test: the test split with each sequence's symbols permuted, where it is asked for.
    """

    train: EncodedSplit
    dev: EncodedSplit
    test: EncodedSplit
    truncated: int
    tokens: dict[int, int]
    shuffled_test: EncodedSplit | None = None


@dataclass(frozen=True)
class Shuffle:
    """A control for order: the symbols of each sequence are permuted, after truncation.

    A sequence has the same permutation in all replicates and conditions, by the seed and its name.

    Attributes:
        everything: in all splits; else in a second copy of test alone.
    """

    seed: int
    everything: bool


def encode_task(
    task: Task,
    model: PreTrainedModel,
    mapping: NDArray[np.int64],
    special_tokens: SpecialTokens,
    fraction: float,
    subset_seed: int,
    compact: Callable[[PreTrainedModel, list[int]], dict[int, int]] = compact_embeddings,
    also: frozenset[int] = frozenset(),
    shuffle: Shuffle | None = None,
) -> EncodedTask:
    """Encode a task for a model, and shrink its embeddings to the tokens in use.

    Args:
        mapping: (symbols,) the token id of each symbol id.
        fraction: share of the training items to keep.
        compact: shrinks the model's vocabulary; returns the new id of each token in use.
        also: further tokens to keep, which need not occur.
        shuffle: what is permuted, if anything.

    Raises:
        PolymathError: if the tokenizer has tokens that the model lacks.
    """
    room = room_for_symbols(model, special_tokens)
    encode = partial(encode_unlabelled, task.rows, model, mapping, special_tokens, room)
    encoded = encode(shuffle.seed if shuffle and shuffle.everything else None)
    permuted = encode(shuffle.seed) if shuffle and not shuffle.everything else None
    used = {*np.unique(np.concatenate(encoded.ids)).tolist(), encoded.padding}
    rows = compact(model, sorted(used | also))
    collect = partial(_collect, task, rows)
    is_test = task.rows["split"] == "test"
    return EncodedTask(
        train=collect(encoded, train_mask(task, fraction, subset_seed)),
        dev=collect(encoded, task.rows["split"] == "dev"),
        test=collect(encoded, is_test),
        truncated=0 if room is None else int((task.rows["length"] > room).sum()),
        tokens=rows,
        shuffled_test=None if permuted is None else collect(permuted, is_test),
    )


def _collect(
    task: Task, embeddings: Mapping[int, int], encoded: EncodedSplit, mask: "pd.Series[bool]"
) -> EncodedSplit:
    """Return the chosen rows with their targets, by the embedding row of each token in use."""
    table = np.zeros(max(embeddings) + 1, dtype=np.int64)
    table[list(embeddings)] = list(embeddings.values())
    places = np.flatnonzero(mask)
    return EncodedSplit(
        ids=[table[encoded.ids[place]] for place in places],
        lengths=encoded.lengths[places],
        targets=task.targets(task.rows[mask]),
        items=encoded.items[places],
        padding=embeddings[encoded.padding],
        types=None if encoded.types is None else [encoded.types[place] for place in places],
    )


def encode_unlabelled(
    rows: pd.DataFrame,
    model: PreTrainedModel,
    mapping: NDArray[np.int64],
    special_tokens: SpecialTokens,
    room: int | None,
    shuffle: int | None = None,
) -> EncodedSplit:
    """Encode rows without their labels for a model with its whole vocabulary.

    Args:
        mapping: (symbols,) the token id of each symbol id.
        room: the most symbols of a row; None for all.
        shuffle: seed by which each sequence's symbols are permuted; None leaves them.

    Raises:
        PolymathError: if the tokenizer has tokens that the model lacks, or reads none in a row.
    """
    parts = [truncate_row(row, room) for row in iterate_sequences(rows)]
    if shuffle is not None:
        named = zip(parts, rows["id"], strict=True)
        parts = [shuffle_row(row, named_seed(shuffle, name)) for row, name in named]
    sequences = [
        np.concatenate(interleave(special_tokens.ids, [mapping[ids] for ids in row]))
        for row in parts
    ]
    empty = next((place for place, row in enumerate(sequences) if not len(row)), None)
    if empty is not None:  # a model without special tokens
        raise PolymathError(
            f"record '{rows['item'].iloc[empty]}' has no symbol that the model's tokenizer reads, "
            "and the model puts no special tokens around it: remove the record"
        )
    _require_tokens(model, sequences)
    return EncodedSplit(
        ids=sequences,
        lengths=np.array([len(row) for row in sequences], dtype=np.int64),
        targets=np.zeros(len(rows)),
        items=rows["item"].to_numpy(),
        padding=model.config.pad_token_id,
        types=token_type_ids(model, special_tokens, parts),
    )


def room_for_symbols(model: PreTrainedModel, special_tokens: SpecialTokens) -> int | None:
    """Return how many symbols of a row the model can read; None if it has no limit."""
    limit = longest_input(model)
    return None if limit is None else limit - special_tokens.count


def iterate_sequences(rows: pd.DataFrame) -> Iterator[list[NDArray[np.int64]]]:
    """Yield the symbols of each row's sequence, or of both sequences of a pair."""
    columns = [rows[name] for name in ("ids", "ids2") if name in rows]
    for row in zip(*columns, strict=True):
        yield [np.asarray(ids, dtype=np.int64) for ids in row]


def truncate_row(row: list[NDArray[np.int64]], room: int | None) -> list[NDArray[np.int64]]:
    """Truncate a sequence, or both sequences of a pair, to `room` symbols."""
    if room is None:
        return row
    return list(truncate_pair(row[0], row[1], room)) if len(row) == 2 else [row[0][:room]]


def shuffle_row(row: list[NDArray[np.int64]], seed: int) -> list[NDArray[np.int64]]:
    """Permute the symbols of a sequence, or of each sequence of a pair."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(symbols) for symbols in row]


def interleave(
    special: tuple[tuple[int, ...], ...], parts: list[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Return special tokens, first sequence, special tokens, and so on."""
    fixed = [np.array(ids, dtype=np.int64) for ids in special]
    return [fixed[0], *(piece for pair in zip(parts, fixed[1:], strict=True) for piece in pair)]


def token_type_ids(
    model: PreTrainedModel, special_tokens: SpecialTokens, parts: list[list[NDArray[np.int64]]]
) -> list[NDArray[np.int64]] | None:
    """Return the token type ids of each row; None if all are 0 or the model has only one."""
    known = getattr(model.config, "type_vocab_size", 0) or 0
    if max(special_tokens.sequence_types) == 0 or known <= 1:
        return None
    return [
        np.concatenate(
            interleave(
                special_tokens.types,
                [
                    np.full(len(p), kind)
                    for p, kind in zip(row, special_tokens.sequence_types, strict=True)
                ],
            )
        )
        for row in parts
    ]


def _require_tokens(model: PreTrainedModel, sequences: list[NDArray[np.int64]]) -> None:
    """Refuse a model without a padding token, or with fewer tokens than are in use."""
    padding = model.config.pad_token_id
    if padding is None:
        raise PolymathError(
            "the model's config.json names no pad_token_id: add it, or a decoder's eos_token_id"
        )
    largest = max(padding, int(np.concatenate(sequences).max()))
    size = model.get_input_embeddings().weight.shape[0]
    if largest >= size:
        raise PolymathError(
            f"the model's tokenizer.json has token {largest}, its embedding only {size} rows: "
            "take tokenizer.json and config.json from the same model"
        )
