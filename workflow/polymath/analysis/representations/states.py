"""Hidden states of sequences, and what is left of them once a group's mean is taken out.

Two encoders that know nothing share much of their states, because both keep the position and the
identity of each token. Three views of the same states tell how much that is:

- `raw`: the states as they are.
- `position`: less the mean state of all tokens at the same position of their sequences.
- `token`: less the mean state of all tokens that are the same symbol of the task.

Positions count the sequence's own tokens from 0; symbols are those of the task, so that both models
have the same groups. Means are over all tokens that were read, and stay fixed in a bootstrap: a
covariance about means does not change to first order when the means move, so that the resamples'
spread is right to that order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from polymath.analysis.representations.measures import ROUNDING, Moments, dissimilarity
from polymath.experiment.analyses import BLOCKS
from polymath.experiment.representation_studies import CENTRINGS, Centring

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class HiddenStates:
    """A model's hidden states of sequences' own tokens, without padding and special tokens.

    Attributes:
        layers: (layers, tokens, d) fp32, the embeddings' output first; may lie on disk.
        starts: (sequences + 1,) the offset of each sequence, and the end of the last.
        symbols: (tokens,) the task's symbol of each token.
    """

    layers: NDArray[np.float32]
    starts: Integers
    symbols: Integers

    @property
    def depth(self) -> int:
        """Number of layers, the embeddings' output included."""
        return len(self.layers)

    @property
    def positions(self) -> Integers:
        """(tokens,) the position of each token in its sequence, from 0."""
        lengths = np.diff(self.starts)
        return np.arange(int(self.starts[-1])) - np.repeat(self.starts[:-1], lengths)

    @cached_property
    def blocks(self) -> list[slice]:
        """Return the tokens of each block of consecutive sequences, of about equal numbers."""
        count = len(self.starts) - 1
        edges = np.linspace(0, count, min(BLOCKS, count) + 1).astype(int)
        ends = self.starts[edges]
        return [slice(*pair) for pair in pairwise(ends)]

    @cached_property
    def centred(self) -> dict[Centring, "CentredStates"]:
        """Return each view of the states."""
        return {centring: CentredStates(self, centring) for centring in CENTRINGS}


@dataclass(frozen=True)
class CentredStates:
    """One view of a model's hidden states."""

    states: HiddenStates
    centring: Centring

    def layer(self, place: int) -> Array:
        """Return a layer's centred states (tokens, d) in float64."""
        layer = self.states.layers[place].astype(np.float64)
        groups = self._groups
        return layer if groups is None else subtract_means(layer, groups)

    @cached_property
    def moments(self) -> list[Moments]:
        """Return each layer's sums over all tokens."""
        blocks = self.states.blocks
        once = np.ones(len(blocks))
        return [
            Moments.weighted(block_moments(self.layer(place), blocks), once)
            for place in range(self.states.depth)
        ]

    def dissimilarities(self, items: int) -> Iterator[Array]:
        """Yield each layer's dissimilarity matrix of the first sequences' mean states."""
        for place in range(self.states.depth):
            yield sequence_dissimilarity(self.layer(place), self.states.starts[: items + 1])

    @cached_property
    def _groups(self) -> Integers | None:
        if self.centring == "raw":
            return None
        labels = {"position": self.states.positions, "token": self.states.symbols}
        return np.unique(labels[self.centring], return_inverse=True)[1].astype(np.int64)


def block_moments(layer: Array, blocks: list[slice]) -> list[Moments]:
    """Return a layer's sums over each block."""
    return [Moments.of(layer[block]) for block in blocks]


def sequence_dissimilarity(layer: Array, starts: Integers) -> Array:
    """Return the dissimilarity matrix of sequences' mean states.

    Args:
        layer: (tokens, d); tokens after the last start do not count.
        starts: (sequences + 1,) as in `HiddenStates`.
    """
    sums = np.add.reduceat(layer[: starts[-1]], starts[:-1], axis=0)
    return dissimilarity(sums / np.diff(starts)[:, None])


def subtract_means(layer: Array, groups: Integers) -> Array:
    """Return a layer (tokens, d) less the mean of each token's group.

    If only rounding is left, because the groups explain all, the result is 0.

    Args:
        groups: (tokens,) from 0, each with a token.
    """
    tokens = len(groups)
    members = sparse.csr_array((np.ones(tokens), (groups, np.arange(tokens))))
    means = (members @ layer) / np.bincount(groups)[:, None]
    centred = layer - means[groups]
    if np.square(centred).sum() <= ROUNDING**2 * np.square(layer).sum():
        return np.zeros_like(layer)
    return centred
