"""Encoded sequences, and batches of them with little padding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

# Batches are cut from pools of this many batches' rows, sorted by length: a larger pool means less
# padding and less random batches.
POOL_BATCHES = 64


@dataclass(frozen=True)
class EncodedSplit:
    """One split: sequences with their special tokens, in the model's (compacted) ids.

    Attributes:
        ids: (n,) arrays of token ids.
        lengths: (n,) their lengths.
        targets: (n,) class numbers or values, or (n, labels) 0 and 1 of sets of labels.
        items: (n,) the item of each row.
        padding: id that pads short rows.
        types: (n,) arrays of token type ids; None where the model has none or all are 0.
    """

    ids: list[NDArray[np.int64]]
    lengths: NDArray[np.int64]
    targets: NDArray[np.float64]
    items: NDArray[np.str_]
    padding: int
    types: list[NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class DeviceSplit:
    """A split on the device: ids and types (n, longest) padded, lengths (n,), targets (n,) or
    (n, labels).
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    types: torch.Tensor | None


@dataclass(frozen=True)
class BatchShape:
    """The number of rows and the length of a batch, and whether it has padding."""

    rows: int
    length: int
    padded: bool


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch: ids (b, t), mask (b, t) or None without padding, targets (b,) or
    (b, labels), types (b, t) or None where all are 0.
    """

    ids: torch.Tensor
    mask: torch.Tensor | None
    targets: torch.Tensor
    types: torch.Tensor | None = None


def move_split(data: EncodedSplit, device: str) -> DeviceSplit:
    """Move a whole split to the device."""
    longest = int(data.lengths.max())
    return DeviceSplit(
        ids=torch.from_numpy(_pad(data.ids, longest, data.padding)).to(device),
        lengths=torch.from_numpy(data.lengths).to(device),
        targets=torch.from_numpy(data.targets).to(device),
        types=None
        if data.types is None
        else torch.from_numpy(_pad(data.types, longest, 0)).to(device),
    )


def _pad(rows: list[NDArray[np.int64]], length: int, filler: int) -> NDArray[np.int64]:
    table = np.full((len(rows), length), filler, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


def gather_batch(data: DeviceSplit, rows: torch.Tensor, shape: BatchShape) -> Batch:
    """Gather rows (b,) into a batch on the device, without synchronising with the host."""

    def take(table: torch.Tensor) -> torch.Tensor:
        return table[:, : shape.length].index_select(0, rows)

    mask = None
    if shape.padded:
        places = torch.arange(shape.length, device=rows.device)
        mask = (places < data.lengths.index_select(0, rows)[:, None]).long()
    types = None if data.types is None else take(data.types)
    return Batch(take(data.ids), mask, data.targets.index_select(0, rows), types)


def batch_shape(lengths: NDArray[np.int64], rows: NDArray[np.int64], buckets: bool) -> BatchShape:
    """Return the shape of a batch.

    Args:
        lengths: (n,) of the whole split.
        buckets: round the length up to one of four per octave, so that shapes recur.
    """
    longest = int(lengths[rows].max())
    length = min(_bucket(longest), int(lengths.max())) if buckets else longest
    return BatchShape(len(rows), length, bool(lengths[rows].min() < length))


def _bucket(length: int) -> int:
    step = max(1, 2 ** ((length - 1).bit_length() - 3))
    return -(-length // step) * step


def epoch_batches(
    lengths: NDArray[np.int64], batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each batch of one epoch; every row once.

    The rows are shuffled and cut into pools of POOL_BATCHES batches, at least two of them;
    within a pool they are sorted by length and cut into batches, whose order is shuffled
    again. With equal lengths this is an ordinary shuffle.
    """
    order = generator.permutation(len(lengths))
    batches = -(-len(lengths) // batch_size)
    pool = batch_size * max(1, min(POOL_BATCHES, -(-batches // 2)))
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        cut = [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
        for index in generator.permutation(len(cut)):
            yield cut[index]


def training_batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of row numbers endlessly, epoch after epoch."""
    generator = np.random.default_rng(seed)
    while True:
        yield from epoch_batches(lengths, batch_size, generator)


def batches_by_length(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield batches of row numbers from short to long, every row once."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
