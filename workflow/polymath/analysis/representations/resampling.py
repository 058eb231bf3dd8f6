"""Bootstrap and null of a comparison of hidden states; the unit is the sequence.

Tokens of a sequence depend on each other. The bootstrap therefore draws blocks of sequences, so
that only the blocks' moments are added again. The null lets each token meet one at the same
position of another sequence: what two models share because both know where a token stands is in
the null too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polymath.analysis.representations.states import HiddenStates
from polymath.experiment.analyses import Representations
from polymath.util.seeds import named_seed

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Resamples:
    """Bootstrap and null draws, shared by all layers.

    Attributes:
        weights: (bootstraps, blocks) how often each block is drawn.
        chosen: (bootstraps, items) sequences drawn for RSA.
        orders: (permutations, tokens) the second model's token that each of the first meets.
    """

    weights: Array
    chosen: Integers
    orders: list[Integers]


def draw_resamples(states: HiddenStates, settings: Representations, seed: int) -> Resamples:
    """Draw blocks and sequences with replacement, and partners of tokens."""
    bootstrap, null = (
        np.random.default_rng(named_seed(seed, name)) for name in ("bootstrap", "null")
    )
    blocks, count = len(states.blocks), len(states.starts) - 1
    items = min(settings.items, count)
    return Resamples(
        bootstrap.multinomial(blocks, np.full(blocks, 1 / blocks), settings.bootstraps).astype(
            np.float64
        ),
        bootstrap.integers(0, items, (settings.bootstraps, items)),
        [
            exchange_sequences(states.starts, null.permutation(count))
            for _ in range(settings.permutations)
        ],
    )


def exchange_sequences(starts: Integers, circle: Integers) -> Integers:
    """Return for each token one at the same position of another sequence, each taken once.

    Token i of a sequence meets token i of the next sequence of the circle that has more than i
    tokens, so that neighbours keep a common partner until it ends. Only the tokens of the longest
    sequence that no other reaches meet themselves.

    Args:
        starts: (sequences + 1,) as in `HiddenStates`.
        circle: (sequences,) a permutation, read as a circle.
    """
    lengths = np.diff(starts)
    order = np.empty(int(starts[-1]), dtype=np.int64)
    for position in range(int(lengths.max())):
        reaching = circle[lengths[circle] > position]
        order[starts[reaching] + position] = starts[np.roll(reaching, -1)] + position
    return order
