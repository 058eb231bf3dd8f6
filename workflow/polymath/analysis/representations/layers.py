"""Compare two models' hidden states of the same tokens, layer by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from polymath.analysis.representations.measures import (
    Cross,
    Measure,
    Moments,
    linear_similarities,
    require_tokens,
    rsa,
)
from polymath.analysis.representations.resampling import Resamples, draw_resamples
from polymath.analysis.representations.states import (
    CentredStates,
    HiddenStates,
    block_moments,
    sequence_dissimilarity,
)
from polymath.evaluation.statistics import CONFIDENCE
from polymath.experiment.analyses import Representations
from polymath.experiment.representation_studies import CENTRINGS, JUDGED_CENTRING

Array = NDArray[np.float64]
Pair = tuple[int, int]
Similarities = dict[Measure, float]


def matching_layers(depth_a: int, depth_b: int) -> list[Pair]:
    """Return pairs of layers at the same relative depth, one for each layer of the shallower."""
    short = min(depth_a, depth_b)
    places = np.arange(short) / max(1, short - 1)
    first, second = (np.rint(places * (depth - 1)).astype(int) for depth in (depth_a, depth_b))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def compare_states(
    a: HiddenStates, b: HiddenStates, settings: Representations, seed: int
) -> pd.DataFrame:
    """Return every measure of every view of the states.

    The view that the verdict reads is compared for every pair of layers. At the same relative depth
    (`matched`) it has an interval and a null. The other views have values alone, at these depths.

    `low` and `high` are the value minus and plus 1.96 bootstrap standard errors: resamples hold
    copies, which biases their values upwards but leaves their spread right. `null_high` is the
    95 % quantile of the null's values; `p` is the one-sided share that reaches the value, itself
    counted in.

    Args:
        a, b: states of the same sequences.

    Returns:
        Columns centring, layer_a, layer_b, matched, measure, value, low, high, null_high, p.

    Raises:
        PolymathError: if there are too few tokens for the dimensions.
    """
    require_tokens(a.layers.shape[1], max(a.layers.shape[2], b.layers.shape[2]))
    drawn = draw_resamples(a, settings, seed)
    matched = matching_layers(a.depth, b.depth)
    every = [(i, j) for i in range(a.depth) for j in range(b.depth)]
    rows = [
        {"centring": centring, "layer_a": i, "layer_b": j, "matched": (i, j) in matched, **row}
        for centring in CENTRINGS
        for (i, j), row in _compare_views(
            a.centred[centring],
            b.centred[centring],
            every if centring == JUDGED_CENTRING else matched,
            matched if centring == JUDGED_CENTRING else [],
            drawn,
        )
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _LayerPair:
    """One layer of each model, in one view.

    Attributes:
        x, y: (tokens, d1), (tokens, d2) states.
        moments: of x and of y.
        distances: (items, items) dissimilarity matrices of the first sequences, of x and of y.
        starts, blocks: as in `HiddenStates`.
    """

    x: Array
    y: Array
    moments: tuple[Moments, Moments]
    distances: tuple[Array, Array]
    starts: NDArray[np.int64]
    blocks: list[slice]

    @property
    def once(self) -> Array:
        """Return weights that count every block once."""
        return np.ones(len(self.blocks))

    @cached_property
    def crosses(self) -> list[Cross]:
        """Return each block's cross moments."""
        return [Cross.of(self.x[block], self.y[block]) for block in self.blocks]

    def similarities(self) -> Similarities:
        """Return every measure."""
        cross = Cross.weighted(self.crosses, self.once)
        return {**linear_similarities(*self.moments, cross), "rsa": rsa(*self.distances)}

    def bootstrap(self, drawn: Resamples) -> Iterator[Similarities]:
        """Yield every measure of each resample."""
        blocks_x, blocks_y = (block_moments(layer, self.blocks) for layer in (self.x, self.y))
        for weights, chosen in zip(drawn.weights, drawn.chosen, strict=True):
            values = linear_similarities(
                Moments.weighted(blocks_x, weights),
                Moments.weighted(blocks_y, weights),
                Cross.weighted(self.crosses, weights),
            )
            yield {**values, "rsa": rsa(*self.distances, chosen)}

    def null(self, drawn: Resamples) -> Iterator[Similarities]:
        """Yield every measure of each exchange of the second model's sequences."""
        starts = self.starts[: len(self.distances[0]) + 1]
        for order in drawn.orders:
            crosses = [Cross.of(self.x[block], self.y[order[block]]) for block in self.blocks]
            values = linear_similarities(*self.moments, Cross.weighted(crosses, self.once))
            exchanged = sequence_dissimilarity(self.y[order[: starts[-1]]], starts)
            yield {**values, "rsa": rsa(self.distances[0], exchanged)}


def _compare_views(
    a: CentredStates, b: CentredStates, pairs: list[Pair], judged: list[Pair], drawn: Resamples
) -> Iterator[tuple[Pair, dict[str, Any]]]:
    """Yield each pair of layers with the columns of each measure; resample the judged pairs."""
    items = drawn.chosen.shape[1]
    left, right = (list(view.dissimilarities(items)) for view in (a, b))
    for i, group in groupby(pairs, key=itemgetter(0)):
        x = a.layer(i)
        for _, j in group:
            layers = _LayerPair(
                x,
                b.layer(j),
                (a.moments[i], b.moments[j]),
                (left[i], right[j]),
                a.states.starts,
                a.states.blocks,
            )
            values = layers.similarities()
            is_judged = (i, j) in judged
            resampled, null = (
                (list(layers.bootstrap(drawn)), list(layers.null(drawn))) if is_judged else ([], [])
            )
            for name, value in values.items():
                row = {"measure": name, "value": value}
                if is_judged:
                    row |= _judge(value, *([draw[name] for draw in d] for d in (resampled, null)))
                yield (i, j), row


def _judge(value: float, resampled: list[float], null: list[float]) -> dict[str, float]:
    """Return a value's interval, the level of its null and its p."""
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2) * np.std(resampled, ddof=1))
    reached = sum(draw >= value for draw in null)
    return {
        "low": value - half,
        "high": value + half,
        "null_high": float(np.quantile(null, CONFIDENCE)),
        "p": (1 + reached) / (1 + len(null)),
    }
