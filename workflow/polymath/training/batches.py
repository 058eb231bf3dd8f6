"""Token sequences as a model reads them, in batches that waste little padding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

# Batches are cut from pools of this many batches' examples, sorted by length: the larger,
# the less padding, and the less random a batch's company.
POOL_BATCHES = 32


@dataclass(frozen=True)
class Encoded:
    """Sequences with their special tokens, in the model's (compacted) ids.

    Attributes:
        ids: (n,) arrays of token ids.
        lengths: (n,) their lengths.
        targets: (n,) class numbers or values.
        items: (n,) the item each belongs to.
        padding: id that fills up short rows.
    """

    ids: list[NDArray[np.int64]]
    lengths: NDArray[np.int64]
    targets: NDArray[np.float64]
    items: NDArray[np.str_]
    padding: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch: ids (b, t), mask (b, t) or None without padding, targets (b,)."""

    ids: torch.Tensor
    mask: torch.Tensor | None
    targets: torch.Tensor


def make_batch(data: Encoded, rows: NDArray[np.int64], device: str) -> Batch:
    """Collect rows into one batch, padded to the longest of them."""
    lengths = data.lengths[rows]
    longest = int(lengths.max())
    ids = np.full((len(rows), longest), data.padding, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : data.lengths[row]] = data.ids[row]
    padded = int(lengths.min()) < longest
    mask = torch.from_numpy(np.arange(longest) < lengths[:, None]).long() if padded else None
    return Batch(
        torch.from_numpy(ids).to(device),
        None if mask is None else mask.to(device),
        torch.from_numpy(data.targets[rows]).to(device),
    )


def epoch_order(
    lengths: NDArray[np.int64], batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each batch of one epoch; every row once.

    The rows are shuffled and cut into pools of POOL_BATCHES batches; within a pool they are
    sorted by length and cut into batches, whose order is shuffled again. With equal lengths
    this is an ordinary shuffle.
    """
    order = generator.permutation(len(lengths))
    pool = batch_size * POOL_BATCHES
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches = [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
        for index in generator.permutation(len(batches)):
            yield batches[index]


def training_order(
    lengths: NDArray[np.int64], batch_size: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of row numbers without end, epoch after epoch."""
    generator = np.random.default_rng(seed)
    while True:
        yield from epoch_order(lengths, batch_size, generator)
