"""Measures of similarity, against independent implementations and against closed forms."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import spearmanr
from sklearn.cross_decomposition import CCA

from polymath.analysis.representations.measures import (
    LINEAR,
    Cross,
    Moments,
    debiased_cka,
    dissimilarity,
    linear_similarities,
    procrustes,
    pwcca,
    require_tokens,
    rsa,
    svcca,
    unbiased_hsic,
)
from polymath.util.errors import PolymathError

Array = NDArray[np.float64]
MeasureOf = Callable[[Moments, Moments, Cross], float]
INVARIANT: tuple[MeasureOf, ...] = (debiased_cka, procrustes, svcca)


def measured(measure: MeasureOf, x: Array, y: Array) -> float:
    return measure(Moments.of(x), Moments.of(y), Cross.of(x, y))


def some_pair(n: int = 200, d1: int = 6, d2: int = 9, seed: int = 0) -> tuple[Array, Array]:
    """Two representations that share a part; neither is centred."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(n, 4))
    x = shared @ generator.normal(size=(4, d1)) + generator.normal(size=(n, d1)) + 3
    y = shared @ generator.normal(size=(4, d2)) + generator.normal(size=(n, d2)) - 1
    return x, y


def rotation_of(d: int, seed: int) -> Array:
    rotation: Array = qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    return rotation


# ---- against independent implementations ----


def naive_hsic(x: Array, y: Array) -> float:
    """Song et al.'s estimator as they print it, with n × n kernel matrices."""
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    n, ones = len(x), np.ones(len(x))
    first = np.trace(k @ m)
    second = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * (ones @ k @ m @ ones)
    return float((first + second - third) / (n * (n - 3)))


def test_hsic_from_moments_is_that_of_kernel_matrices() -> None:
    x, y = some_pair(n=40)
    assert measured(unbiased_hsic, x, y) == pytest.approx(naive_hsic(x, y), rel=1e-10)
    expected = naive_hsic(x, y) / np.sqrt(naive_hsic(x, x) * naive_hsic(y, y))
    assert measured(debiased_cka, x, y) == pytest.approx(expected, rel=1e-10)


def test_hsic_is_unbiased_over_all_distinct_quadruples() -> None:
    """The U-statistic that the estimator is: HSIC averaged over quadruples of distinct items."""
    from itertools import permutations

    x, y = some_pair(n=7, d1=2, d2=3)
    k, m = x @ x.T, y @ y.T
    terms = [
        k[i, j] * m[i, j] + k[i, j] * m[q, r] - 2 * k[i, j] * m[i, q]
        for i, j, q, r in permutations(range(7), 4)
    ]
    assert measured(unbiased_hsic, x, y) == pytest.approx(np.mean(terms), rel=1e-9)


def naive_cca(x: Array, y: Array) -> tuple[Array, Array]:
    """Canonical correlations and x's variates (n, k) by QR of the whole arrays (Björck, Golub)."""
    qx, qy = (qr(one - one.mean(axis=0), mode="economic")[0] for one in (x, y))
    rotation, correlations, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    return correlations, qx @ rotation


def test_canonical_correlations_are_those_of_scikit_learn() -> None:
    x, y = some_pair(d1=3, d2=3)
    left, right = CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(x, y)
    found = [np.corrcoef(left[:, i], right[:, i])[0, 1] for i in range(3)]
    assert measured(svcca, x, y) == pytest.approx(np.mean(found), abs=1e-4)


def test_pwcca_is_that_of_the_whole_arrays() -> None:
    x, y = some_pair()
    correlations, variates = naive_cca(x, y)
    weights = np.abs(variates.T @ (x - x.mean(axis=0))).sum(axis=1)
    expected = (weights * correlations).sum() / weights.sum()
    assert measured(pwcca, x, y) == pytest.approx(expected, rel=1e-9)
    # The narrower representation gives the weights, on whichever side it stands.
    assert measured(pwcca, y, x) == pytest.approx(expected, rel=1e-9)


def test_svcca_is_that_of_the_whole_arrays() -> None:
    x, y = some_pair()
    x[:, 0] *= 30  # so that some components hold next to no variance
    kept = []
    for one in (x, y):
        u, s, _ = np.linalg.svd(one - one.mean(axis=0), full_matrices=False)
        count = np.flatnonzero(np.cumsum(s**2) / np.sum(s**2) >= 0.99)[0] + 1
        kept.append(u[:, :count] * s[:count])
    assert kept[0].shape[1] < 6
    expected = naive_cca(*kept)[0].mean()
    assert measured(svcca, x, y) == pytest.approx(expected, rel=1e-9)


def test_procrustes_is_that_of_scipy() -> None:
    x, y = some_pair(d1=5, d2=5)
    # scipy's disparity is 1 less the squared similarity of the two normed shapes.
    disparity = scipy_procrustes(x, y)[2]
    assert measured(procrustes, x, y) == pytest.approx(np.sqrt(1 - disparity), rel=1e-9)


def test_rsa_is_that_of_numpy_and_scipy() -> None:
    x, y = some_pair(n=30)
    pairs = np.triu_indices(30, 1)
    first, second = (np.asarray(1 - np.corrcoef(one))[pairs] for one in (x, y))
    expected = spearmanr(first, second).statistic
    found = rsa(dissimilarity(x), dissimilarity(y))
    assert found == pytest.approx(expected, rel=1e-9)


def test_copies_of_an_item_do_not_count_as_a_pair() -> None:
    x, y = some_pair(n=12)
    twice = np.repeat(np.arange(12), 2)
    matrices = dissimilarity(x), dissimilarity(y)
    # Twelve times two items: each pair of distinct ones occurs four times, which changes no rank.
    assert rsa(*matrices, twice) == pytest.approx(rsa(*matrices), rel=1e-9)


# ---- closed forms ----


@pytest.mark.parametrize("measure", INVARIANT)
@given(seed=st.integers(0, 2**20), scale=st.floats(0.01, 100), shift=st.floats(-5, 5))
@settings(max_examples=10, deadline=None)
def test_rotation_scale_and_shift_change_nothing(
    measure: MeasureOf, seed: int, scale: float, shift: float
) -> None:
    x, y = some_pair(seed=seed)
    turned = scale * x @ rotation_of(6, seed) + shift
    assert measured(measure, turned, y) == pytest.approx(measured(measure, x, y), rel=1e-6)
    assert measured(measure, x, turned) == pytest.approx(1, abs=1e-6)


def test_pwcca_ignores_any_linear_map_of_the_side_that_gives_no_weights() -> None:
    x, y = some_pair()
    mapped = x @ np.random.default_rng(1).normal(size=(6, 6))
    assert measured(pwcca, x, mapped) == pytest.approx(1, abs=1e-9)
    assert measured(debiased_cka, x, mapped) < 0.99
    plain = measured(pwcca, x, y)
    assert measured(pwcca, x, y @ rotation_of(9, 2) * np.arange(1, 10)) == pytest.approx(plain)
    # Weights are sums over neurons: order and common scale do not matter, a rotation does.
    assert measured(pwcca, -3 * x[:, ::-1] + 1, y) == pytest.approx(plain)
    assert measured(pwcca, x @ rotation_of(6, 2), y) != pytest.approx(plain, rel=1e-4)


def test_independent_representations_have_debiased_cka_0_and_biased_cka_not() -> None:
    generator = np.random.default_rng(0)
    unbiased, biased = [], []
    for _ in range(200):
        x, y = generator.normal(size=(2, 60, 20))
        unbiased.append(measured(debiased_cka, x, y))
        k, m = (one @ one.T for one in (x - x.mean(axis=0), y - y.mean(axis=0)))
        biased.append((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))
    error = np.std(unbiased) / np.sqrt(200)
    assert abs(np.mean(unbiased)) < 4 * error
    assert np.mean(biased) == pytest.approx(20 / (60 + 20), abs=0.03)  # about d / (n + d)


@pytest.mark.parametrize(("n", "expected"), [(100, 1.0), (400, 0.43), (4000, 0.13)])
def test_canonical_correlations_of_independent_data_grow_as_n_comes_close_to_d(
    n: int, expected: float
) -> None:
    """With n - 1 = d1 + d2 the two spaces must meet; far above it the mean falls as sqrt(d/n)."""
    generator = np.random.default_rng(0)
    d = 99 if n == 100 else 100
    x, y = generator.normal(size=(2, n, d))
    assert measured(pwcca, x, y) == pytest.approx(expected, abs=0.02)


def test_too_few_tokens_are_refused() -> None:
    require_tokens(7680, 768)
    with pytest.raises(PolymathError, match=r"7679 tokens for 768 dimensions.* need 7680"):
        require_tokens(7679, 768)


def test_directions_of_rounding_are_left_out() -> None:
    """A representation of rank 2 in 5 dimensions, in fp32: its noise correlates with nothing."""
    generator = np.random.default_rng(0)
    plane = generator.normal(size=(500, 2))
    x = (plane @ generator.normal(size=(2, 5)) + 10).astype(np.float32)
    moments = Moments.of(x)
    assert len(moments.spectrum[0]) == 2
    y = plane @ generator.normal(size=(2, 3))
    assert pwcca(moments, Moments.of(y), Cross.of(x, y)) == pytest.approx(1, abs=1e-6)


@given(cut=st.integers(1, 99), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_blocks_add_up_to_the_whole(cut: int, seed: int) -> None:
    x, y = some_pair(n=100, seed=seed)
    blocks = [slice(0, cut), slice(cut, 100)]
    ones = np.ones(2)
    mx, my = (Moments.weighted([Moments.of(one[b]) for b in blocks], ones) for one in (x, y))
    cross = Cross.weighted([Cross.of(x[b], y[b]) for b in blocks], ones)
    added = linear_similarities(mx, my, cross)
    whole = linear_similarities(Moments.of(x), Moments.of(y), Cross.of(x, y))
    assert tuple(added) == LINEAR
    assert added == pytest.approx(whole, rel=1e-8)


def test_a_block_of_weight_2_counts_as_if_it_were_there_twice() -> None:
    x, y = some_pair(n=60)
    blocks, weights = [slice(0, 25), slice(25, 60)], np.array([2.0, 1.0])
    doubled = np.concatenate([np.arange(25), np.arange(60)])
    mx, my = (Moments.weighted([Moments.of(one[b]) for b in blocks], weights) for one in (x, y))
    cross = Cross.weighted([Cross.of(x[b], y[b]) for b in blocks], weights)
    whole = linear_similarities(
        Moments.of(x[doubled]), Moments.of(y[doubled]), Cross.of(x[doubled], y[doubled])
    )
    assert linear_similarities(mx, my, cross) == pytest.approx(whole, rel=1e-8)


def test_a_representation_without_variance_is_similar_to_nothing() -> None:
    x, _ = some_pair(n=30)
    for constant in (np.zeros((30, 4)), np.full((30, 4), 3.0)):
        moments = Moments.of(x), Moments.of(constant)
        assert linear_similarities(*moments, Cross.of(x, constant)) == dict.fromkeys(LINEAR, 0.0)
        assert rsa(dissimilarity(x), dissimilarity(constant)) == 0
