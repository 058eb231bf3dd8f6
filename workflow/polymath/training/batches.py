"""Token sequences as a model reads them, in batches that waste little padding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

# Batches are cut from pools of this many batches' rows, sorted by length: the larger, the less
# padding, and the less random a batch's company.
POOL_BATCHES = 64


@dataclass(frozen=True)
class Encoded:
    """Sequences with their special tokens, in the model's (compacted) ids.

    Attributes:
        ids: (n,) arrays of token ids.
        lengths: (n,) their lengths.
        targets: (n,) class numbers or values.
        items: (n,) the item each belongs to.
        padding: id that fills up short rows.
        types: (n,) arrays of token types; None where the model has none or all are 0.
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
class Resident:
    """The same on the device: ids and types (n, longest) padded, lengths and targets (n,)."""

    ids: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    types: torch.Tensor | None


@dataclass(frozen=True)
class Shape:
    """What a captured step depends on: the batch's rows, its length, and whether it is padded."""

    rows: int
    length: int
    padded: bool


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch: ids (b, t), mask (b, t) or None without padding, targets (b,),
    types (b, t) or None where all are 0.
    """

    ids: torch.Tensor
    mask: torch.Tensor | None
    targets: torch.Tensor
    types: torch.Tensor | None = None


def move_data(data: Encoded, device: str) -> Resident:
    """Put a whole split on the device, once."""
    longest = int(data.lengths.max())
    return Resident(
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


def take_batch(data: Resident, rows: torch.Tensor, shape: Shape) -> Batch:
    """Collect rows (b,) into one batch, on the device and without asking it for a value."""

    def take(table: torch.Tensor) -> torch.Tensor:
        return table[:, : shape.length].index_select(0, rows)

    mask = None
    if shape.padded:
        places = torch.arange(shape.length, device=rows.device)
        mask = (places < data.lengths.index_select(0, rows)[:, None]).long()
    types = None if data.types is None else take(data.types)
    return Batch(take(data.ids), mask, data.targets.index_select(0, rows), types)


def shape_of(lengths: NDArray[np.int64], rows: NDArray[np.int64], buckets: bool) -> Shape:
    """Return the shape of a batch.

    Args:
        lengths: (n,) of the whole split.
        buckets: round the length up to one of sixteen an octave, so that few shapes recur.
    """
    longest = int(lengths[rows].max())
    length = min(_bucket(longest), int(lengths.max())) if buckets else longest
    return Shape(len(rows), length, bool(lengths[rows].min() < length))


def _bucket(length: int) -> int:
    step = max(1, 2 ** ((length - 1).bit_length() - 5))
    return -(-length // step) * step


def epoch_order(
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


def training_order(
    lengths: NDArray[np.int64], batch_size: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of row numbers without end, epoch after epoch."""
    generator = np.random.default_rng(seed)
    while True:
        yield from epoch_order(lengths, batch_size, generator)


def length_order(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield batches of row numbers from short to long, every row once."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
