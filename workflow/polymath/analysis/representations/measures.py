"""Similarity measures of two representations of the same items, from their second moments.

X (n, d1) and Y (n, d2) hold a row for each item (a token), the same item in the same row. All
measures but RSA need X'X, X'Y, Y'Y and some sums, in float64: they are added up block by block, so
that memory grows with d², never with n. Every value is a similarity, 1 for the same representation.
Shifts and a common scale change none of them; a rotation changes only PWCCA, and that only on the
side whose neurons give the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polymath.util.errors import PolymathError

Array = NDArray[np.float64]
Measure = Literal["cka", "pwcca", "svcca", "procrustes", "rsa"]
LINEAR: tuple[Measure, ...] = ("cka", "pwcca", "svcca", "procrustes")
# Canonical correlations of independent data are about sqrt(d/n), not 0: see `require_tokens`.
TOKENS_PER_DIMENSION = 10
SVCCA_VARIANCE = 0.99
ROUNDING = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Cross:
    """Sums over items of two representations.

    Attributes:
        gram: (d1, d2) X'Y.
        left: (d1,) the sum of |y|² x.
        right: (d2,) the sum of |x|² y.
        product: the sum of |x|² |y|².
    """

    gram: Array
    left: Array
    right: Array
    product: float

    @classmethod
    def of(cls, x: NDArray[np.floating], y: NDArray[np.floating]) -> "Cross":
        """Sum up x (n, d1) and y (n, d2)."""
        x, y = (np.asarray(side, dtype=np.float64) for side in (x, y))
        x2, y2 = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
        return cls(x.T @ y, x.T @ y2, y.T @ x2, float(x2 @ y2))

    @classmethod
    def weighted(cls, blocks: Sequence["Cross"], weights: Array) -> "Cross":
        """Add up blocks by their weights."""
        pairs = list(zip(weights, blocks, strict=True))
        return cls(
            sum((w * block.gram for w, block in pairs), np.zeros_like(blocks[0].gram)),
            sum((w * block.left for w, block in pairs), np.zeros_like(blocks[0].left)),
            sum((w * block.right for w, block in pairs), np.zeros_like(blocks[0].right)),
            float(sum(w * block.product for w, block in pairs)),
        )


@dataclass(frozen=True)
class Moments:
    """Sums over items of one representation.

    Attributes:
        n: number of items.
        total: (d,) the sum of x.
        square: the sum of |x|².
        self: its sums with itself.
    """

    n: float
    total: Array
    square: float
    self: Cross

    @classmethod
    def of(cls, x: NDArray[np.floating]) -> "Moments":
        """Sum up x (n, d)."""
        cross = Cross.of(x, x)
        total = x.sum(axis=0, dtype=np.float64)
        return cls(len(x), total, float(np.trace(cross.gram)), cross)

    @classmethod
    def weighted(cls, blocks: Sequence["Moments"], weights: Array) -> "Moments":
        """Add up blocks by their weights."""
        return cls(
            float(weights @ [block.n for block in blocks]),
            np.asarray(weights @ np.array([block.total for block in blocks])),
            float(weights @ [block.square for block in blocks]),
            Cross.weighted([block.self for block in blocks], weights),
        )

    @cached_property
    def scatter(self) -> Array:
        """(d, d) X'X of the centred representation."""
        return self.self.gram - np.outer(self.total, self.total) / self.n

    @property
    def is_constant(self) -> bool:
        """Whether all items are the same."""
        return not np.trace(self.scatter) > 0

    @cached_property
    def spectrum(self) -> tuple[Array, Array]:
        """Return the scatter's k largest eigenvalues (k,), falling, and their vectors (d, k).

        Left out are directions whose singular value is below d times the largest one's rounding in
        fp32, in which hidden states are computed: they hold noise. The same rule for all tasks, and
        no ridge.
        """
        values, vectors = np.linalg.eigh(self.scatter)
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = values > values[0] * (len(values) * ROUNDING) ** 2
        return values[kept], vectors[:, kept]


def unbiased_hsic(x: Moments, y: Moments, cross: Cross) -> float:
    """Return the unbiased estimate of HSIC with linear kernels; 0 in expectation if independent.

    Source: L. Song et al., Feature selection via dependence maximization, JMLR 13 (2012), HSIC_1.
    There K and L are kernel matrices with zeros on the diagonal; here each of the three terms is
    written in the sums of `Moments` and `Cross`: tr(KL) is |X'Y|² less the diagonal's part, and so
    on.
    """
    n = x.n
    trace = float(np.square(cross.gram).sum()) - cross.product
    sum_x, sum_y = (float(side.total @ side.total) - side.square for side in (x, y))
    rows = (
        float(x.total @ cross.gram @ y.total)
        - float(cross.right @ y.total)
        - float(cross.left @ x.total)
        + cross.product
    )
    inner = trace + sum_x * sum_y / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)
    return inner / (n * (n - 3))


def debiased_cka(x: Moments, y: Moments, cross: Cross) -> float:
    """Return linear CKA of unbiased HSIC estimates; 0 in expectation if independent, at most 1.

    Source: S. Kornblith et al., Similarity of neural network representations revisited, ICML 2019,
    eq. 4, with the estimator of T. Nguyen, M. Raghu, S. Kornblith, Do wide and deep networks learn
    the same things?, ICLR 2021.
    """
    own = unbiased_hsic(x, x, x.self) * unbiased_hsic(y, y, y.self)
    return unbiased_hsic(x, y, cross) / float(np.sqrt(own))


def procrustes(x: Moments, y: Moments, cross: Cross) -> float:
    """Return the nuclear norm of X'Y, both centred and of Frobenius norm 1; between 0 and 1.

    It is 1 - d/2 of the orthogonal Procrustes distance d (squared, after the best rotation) of
    F. Ding, J.-S. Denain, J. Steinhardt, Grounding representation similarity through statistical
    testing, NeurIPS 2021; and the cosine of the angular distance of A. Williams et al.,
    Generalized shape metrics on neural representations, NeurIPS 2021.
    """
    norms = np.linalg.norm(_centred(x, y, cross), ord="nuc")
    return float(norms / np.sqrt(np.trace(x.scatter) * np.trace(y.scatter)))


def svcca(x: Moments, y: Moments, cross: Cross) -> float:
    """Return the mean canonical correlation of the principal components that hold 99 % of variance.

    Source: M. Raghu et al., SVCCA: singular vector canonical correlation analysis for deep learning
    dynamics and interpretability, NeurIPS 2017, section 2.1.
    """
    k1, k2 = (_count_components(moments.spectrum[0]) for moments in (x, y))
    correlations = np.linalg.svd(_whitened(x, y, cross)[:k1, :k2], compute_uv=False)
    return float(np.minimum(correlations, 1).mean())


def pwcca(x: Moments, y: Moments, cross: Cross) -> float:
    """Return the canonical correlations' mean, each weighted by what it accounts for.

    The weight is the sum over neurons x_j of |<h, x_j>| with the canonical variate h, in the
    representation of the lower rank, the first if both are alike.

    Source: A. Morcos, M. Raghu, S. Bengio, Insights on representational similarity in neural
    networks with canonical correlation, NeurIPS 2018, section 3.2.
    """
    whitened = _whitened(x, y, cross)
    if whitened.shape[0] > whitened.shape[1]:
        x, whitened = y, whitened.T
    squares, rotation = np.linalg.eigh(whitened @ whitened.T)  # several times as fast as an SVD
    values, vectors = x.spectrum
    projections = rotation.T @ (np.sqrt(values)[:, None] * vectors.T)
    weights = np.abs(projections).sum(axis=1)
    return float(np.average(np.sqrt(np.clip(squares, 0, 1)), weights=weights))


def linear_similarities(x: Moments, y: Moments, cross: Cross) -> dict[Measure, float]:
    """Return all measures but RSA; 0 if a representation is the same for all items."""
    if x.is_constant or y.is_constant:
        return dict.fromkeys(LINEAR, 0.0)
    return {
        "cka": debiased_cka(x, y, cross),
        "pwcca": pwcca(x, y, cross),
        "svcca": svcca(x, y, cross),
        "procrustes": procrustes(x, y, cross),
    }


def require_tokens(tokens: int, dimensions: int) -> None:
    """Refuse to correlate too few tokens.

    SVCCA, PWCCA and Procrustes are above 0 for independent data too: with n tokens of d dimensions
    canonical correlations reach about 2 sqrt(d/n), and are all 1 at n = d.

    Raises:
        PolymathError: if there are fewer than ten tokens a dimension.
    """
    if tokens < TOKENS_PER_DIMENSION * dimensions:
        raise PolymathError(
            f"representations: {tokens} tokens for {dimensions} dimensions: canonical correlations "
            f"need {TOKENS_PER_DIMENSION * dimensions} at least: raise 'tokens', or leave out the "
            "task if its dev and test rows have no more"
        )


def dissimilarity(items: Array) -> Array:
    """Return 1 less the Pearson correlation of each pair of items (m, d), as a matrix (m, m).

    An item that is the same in all dimensions correlates with no other: its distances are 1.

    Source: N. Kriegeskorte, M. Mur, P. Bandettini, Representational similarity analysis, Frontiers
    in Systems Neuroscience 2 (2008).
    """
    from scipy.spatial.distance import pdist, squareform

    distances: Array = squareform(np.nan_to_num(pdist(items, metric="correlation"), nan=1.0))
    return distances


def rsa(x: Array, y: Array, chosen: NDArray[np.int64] | None = None) -> float:
    """Return Spearman's correlation of two matrices of dissimilarity over the pairs of items.

    It is 0 if all dissimilarities of one matrix are the same.

    Args:
        x, y: (m, m), of `dissimilarity`.
        chosen: (k,) the items that count, all if None; one may occur several times, but its pairs
            with itself do not count.
    """
    from scipy.stats import spearmanr

    if chosen is None:
        chosen = np.arange(len(x))
    first, second = (chosen[side] for side in np.triu_indices(len(chosen), 1))
    distinct = first != second
    first, second = first[distinct], second[distinct]
    left, right = x[first, second], y[first, second]
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(spearmanr(left, right).statistic)


def _centred(x: Moments, y: Moments, cross: Cross) -> Array:
    return cross.gram - np.outer(x.total, y.total) / x.n


def _whitened(x: Moments, y: Moments, cross: Cross) -> Array:
    """Return X'Y in the whitened principal components of each, (k1, k2)."""
    (values_x, vectors_x), (values_y, vectors_y) = x.spectrum, y.spectrum
    inner = vectors_x.T @ _centred(x, y, cross) @ vectors_y
    whitened: Array = inner / np.sqrt(np.outer(values_x, values_y))
    return whitened


def _count_components(values: Array) -> int:
    shares = np.cumsum(values) / values.sum()
    return int(np.searchsorted(shares, SVCCA_VARIANCE) + 1)
