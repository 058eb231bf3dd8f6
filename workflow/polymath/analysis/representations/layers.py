"""Compare two models' hidden states of the same tokens, layer by layer.

The unit is the sequence, because its tokens depend on each other. The bootstrap draws blocks of
sequences, so that only the blocks' moments are added again; a permutation reorders one side's
sequences.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from polymath.analysis.representations.measures import (
    LINEAR,
    Cross,
    Measure,
    Moments,
    dissimilarity,
    linear_similarities,
    require_tokens,
    rsa,
)
from polymath.evaluation.statistics import CONFIDENCE
from polymath.experiment.analyses import BLOCKS, Representations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HiddenStates:
    """A model's hidden states of sequences' own tokens, without padding and special tokens.

    Attributes:
        layers: (layers, tokens, d) fp32, the embeddings' output first; may lie on disk.
        starts: (sequences + 1,) the offset of each sequence, and the end of the last.
    """

    layers: NDArray[np.float32]
    starts: NDArray[np.int64]

    @property
    def depth(self) -> int:
        """Number of layers, the embeddings' output included."""
        return len(self.layers)

    @cached_property
    def blocks(self) -> list[slice]:
        """Return the tokens of each block of consecutive sequences, of about equal numbers."""
        count = len(self.starts) - 1
        edges = np.linspace(0, count, min(BLOCKS, count) + 1).astype(int)
        ends = self.starts[edges]
        return [slice(*pair) for pair in pairwise(ends)]

    @cached_property
    def moments(self) -> list[Moments]:
        """Return each layer's sums over all tokens."""
        return [Moments.weighted(self.block_moments(i), self.once) for i in range(self.depth)]

    @property
    def once(self) -> Array:
        """Return weights that count every block once."""
        return np.ones(len(self.blocks))

    def block_moments(self, layer: int) -> list[Moments]:
        """Return a layer's sums over each block."""
        return [Moments.of(self.layers[layer, block]) for block in self.blocks]

    def block_crosses(
        self, layer: int, other: "HiddenStates", other_layer: int, order: NDArray[np.int64]
    ) -> list[Cross]:
        """Return each block's cross moments with another model's layer, its tokens reordered."""
        return [
            Cross.of(self.layers[layer, block], other.layers[other_layer, order[block]])
            for block in self.blocks
        ]

    def dissimilarities(self, items: int) -> Iterator[Array]:
        """Yield each layer's dissimilarity matrix of the first sequences' mean states."""
        starts = self.starts[: items + 1]
        lengths = np.diff(starts)[:, None]
        for layer in self.layers:
            chosen = layer[: starts[-1]].astype(np.float64)
            yield dissimilarity(np.add.reduceat(chosen, starts[:-1], axis=0) / lengths)


@dataclass(frozen=True)
class Resamples:
    """Bootstrap and permutation draws, shared by all layers.

    Attributes:
        weights: (bootstraps, blocks) how often each block is drawn.
        orders: (permutations, tokens) the second model's tokens, its sequences permuted.
        chosen: (bootstraps, items) sequences drawn for RSA.
        partners: (permutations, items) the sequence that each is compared with.
    """

    weights: Array
    orders: list[NDArray[np.int64]]
    chosen: NDArray[np.int64]
    partners: NDArray[np.int64]


def draw_resamples(states: HiddenStates, settings: Representations, seed: int) -> Resamples:
    """Draw blocks with replacement, and orders of sequences.

    A permutation concatenates the second model's sequences in another order: each token meets a
    token of another sequence, and neighbours stay neighbours.
    """
    generator = np.random.default_rng(seed)
    blocks, count = len(states.blocks), len(states.starts) - 1
    items = min(settings.items, count)
    tokens = [np.arange(*pair) for pair in pairwise(states.starts)]
    return Resamples(
        generator.multinomial(blocks, np.full(blocks, 1 / blocks), settings.bootstraps).astype(
            np.float64
        ),
        [
            np.concatenate([tokens[place] for place in generator.permutation(count)])
            for _ in range(settings.permutations)
        ],
        generator.integers(0, items, (settings.bootstraps, items)),
        np.array([generator.permutation(items) for _ in range(settings.permutations)]),
    )


def matching_layers(depth: int, other: int) -> list[tuple[int, int]]:
    """Return pairs of layers at the same relative depth, one for each layer of the shallower."""
    short = min(depth, other)
    places = np.arange(short) / max(1, short - 1)
    first, second = (np.rint(places * (deep - 1)).astype(int) for deep in (depth, other))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def compare_states(
    a: HiddenStates, b: HiddenStates, settings: Representations, seed: int
) -> pd.DataFrame:
    """Return every measure for every pair of layers.

    Layers at the same relative depth also have an interval and a null. `low` and `high` are the
    value minus and plus 1.96 bootstrap standard errors: resamples hold copies, which biases their
    values upwards but leaves their spread right. `null_high` is the 95 % quantile of the
    permutations' values; `p` is the one-sided share that reaches the value, itself counted in.

    Args:
        a, b: states of the same sequences.

    Returns:
        Columns layer_a, layer_b, measure, value, low, high, null_high, p.

    Raises:
        PolymathError: if there are too few tokens for the dimensions.
    """
    require_tokens(a.layers.shape[1], max(a.layers.shape[2], b.layers.shape[2]))
    drawn = draw_resamples(a, settings, seed)
    matched = matching_layers(a.depth, b.depth)
    rows = [
        {"layer_a": i, "layer_b": j, **row}
        for i in range(a.depth)
        for j in range(b.depth)
        for row in _compare_moments(a, i, b, j, drawn if (i, j) in matched else None)
    ]
    left, right = (list(states.dissimilarities(drawn.chosen.shape[1])) for states in (a, b))
    rows += [
        {"layer_a": i, "layer_b": j, **_compare_items(x, y, drawn if (i, j) in matched else None)}
        for i, x in enumerate(left)
        for j, y in enumerate(right)
    ]
    return pd.DataFrame(rows)


def _compare_moments(
    a: HiddenStates, i: int, b: HiddenStates, j: int, drawn: Resamples | None
) -> Iterator[dict[str, Any]]:
    x, y = a.moments[i], b.moments[j]
    crosses = a.block_crosses(i, b, j, np.arange(a.layers.shape[1]))
    value = linear_similarities(x, y, Cross.weighted(crosses, a.once))
    if drawn is None:
        yield from ({"measure": name, "value": value[name]} for name in LINEAR)
        return
    blocks_x, blocks_y = a.block_moments(i), b.block_moments(j)
    resampled = [
        linear_similarities(
            Moments.weighted(blocks_x, weights),
            Moments.weighted(blocks_y, weights),
            Cross.weighted(crosses, weights),
        )
        for weights in drawn.weights
    ]
    null = [
        linear_similarities(x, y, Cross.weighted(a.block_crosses(i, b, j, order), a.once))
        for order in drawn.orders
    ]
    for name in LINEAR:
        yield _summarise(
            name, value[name], [draw[name] for draw in resampled], [draw[name] for draw in null]
        )


def _compare_items(x: Array, y: Array, drawn: Resamples | None) -> dict[str, Any]:
    everyone = np.arange(len(x))
    value = rsa(x, y, everyone, everyone)
    if drawn is None:
        return {"measure": "rsa", "value": value}
    resampled = [rsa(x, y, chosen, chosen) for chosen in drawn.chosen]
    null = [rsa(x, y, everyone, partners) for partners in drawn.partners]
    return _summarise("rsa", value, resampled, null)


def _summarise(
    measure: Measure, value: float, resampled: list[float], null: list[float]
) -> dict[str, Any]:
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2) * np.std(resampled, ddof=1))
    reached = sum(draw >= value for draw in null)
    return {
        "measure": measure,
        "value": value,
        "low": value - half,
        "high": value + half,
        "null_high": float(np.quantile(null, CONFIDENCE)),
        "p": (1 + reached) / (1 + len(null)),
    }
