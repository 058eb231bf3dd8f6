"""What grouping by length saves, and what it takes from randomness, on the default tasks.

    python tests/benchmarks/batching.py [--results FOLDER] [--json FILE] [--show FILE]

Against an ordinary shuffle in the same run, for batches of 16 of the default experiment's
training rows (made by `make run`):

- padding: share of the computed tokens that is padding;
- companions again: share of a row's companions in a batch that it had in the epoch before;
- label mixture: variance of the batches' label shares over that of batches drawn at random; 1 is
  as random as a shuffle, more means that batches are purer in their labels, because length tells
  something of the label.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from command import ROOT, run
from numpy.typing import NDArray

from polymath.training.batches import epoch_batches

BATCH, EPOCHS = 16, 6
Ints = NDArray[np.int64]
Order = Callable[[Ints, int, np.random.Generator], Iterator[Ints]]


def shuffled(lengths: Ints, batch_size: int, generator: np.random.Generator) -> Iterator[Ints]:
    """The rival: an ordinary shuffle."""
    order = generator.permutation(len(lengths))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def describe(order: Order, lengths: Ints, labels: Ints) -> dict[str, float]:
    generator = np.random.default_rng(0)
    epochs = [list(order(lengths, BATCH, generator)) for _ in range(EPOCHS)]
    computed = sum(len(rows) * lengths[rows].max() for rows in epochs[0])
    classes = np.eye(labels.max() + 1)[labels]
    shares = np.array([classes[rows].mean(axis=0) for rows in epochs[0] if len(rows) == BATCH])
    return {
        "padding": float(1 - lengths.sum() / computed),
        "companions": float(np.mean([meet_again(*pair) for pair in pairwise(epochs)])),
        "label_variance": float(shares.var(axis=0).sum()),
    }


def meet_again(before: list[Ints], now: list[Ints]) -> float:
    """Return the share of companions in a batch that were companions an epoch ago."""
    batch_of = np.empty(sum(len(rows) for rows in before), dtype=np.int64)
    for number, rows in enumerate(before):
        batch_of[rows] = number
    again = total = 0
    for rows in now:
        counts = np.bincount(batch_of[rows])
        again += int((counts * (counts - 1)).sum())
        total += len(rows) * (len(rows) - 1)
    return again / total


def measure(results: Path) -> dict[str, dict[str, float]]:
    figures = {}
    for path in sorted((results / "tokens").rglob("tokens.parquet")):
        table = pd.read_parquet(path, columns=["split", "label", "length"], partitioning=None)
        table = table[table["split"] == "train"]
        lengths = table["length"].to_numpy(dtype=np.int64) + 2
        labels = pd.factorize(table["label"], sort=True)[0].astype(np.int64)
        ours, plain = (describe(order, lengths, labels) for order in (epoch_batches, shuffled))
        figures[path.parent.parent.name.removeprefix("task=")] = {
            "rows": len(lengths),
            "padding": ours["padding"],
            "padding_shuffled": plain["padding"],
            "companions": ours["companions"],
            "companions_shuffled": plain["companions"],
            "label_mixture": ours["label_variance"] / plain["label_variance"],
        }
    return figures


def to_table(figures: dict[str, dict[str, float]]) -> str:
    lines = [
        "| task | rows | padding (shuffled) | companions again (shuffled) | label mixture |",
        "|---|---|---|---|---|",
    ]
    for task, row in figures.items():
        lines.append(
            f"| {task} | {row['rows']:.0f} | {row['padding']:.1%} ({row['padding_shuffled']:.1%}) "
            f"| {row['companions']:.1%} ({row['companions_shuffled']:.1%}) "
            f"| {row['label_mixture']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run(__doc__, measure, to_table, "--results", ROOT / "results")
