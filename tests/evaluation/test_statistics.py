"""Intervals, tests and summaries against closed forms, SciPy and statsmodels."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from polymath.evaluation import statistics
from polymath.evaluation.arrays import Floats

DIFFERENCES = np.array([0.11, 0.10, 0.12, -0.02, 0.08])
scores = st.floats(-1, 1, allow_nan=False)


def sign_flips(differences: Floats) -> float:
    """The sign-flip test by writing all patterns down."""
    signs = np.array(list(product((-1, 1), repeat=len(differences))))
    means = np.abs(signs @ differences)
    return float(np.mean(means >= abs(differences.sum()) - 1e-9))


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_students(count: int) -> None:
    values = np.random.default_rng(count).normal(0.8, 0.05, count)
    estimate = statistics.estimate_mean(values)
    low, high = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    assert estimate.n == count
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(low)
    assert estimate.high == pytest.approx(high)


def test_a_single_value_has_no_interval() -> None:
    estimate = statistics.estimate_mean(np.array([0.7]))
    assert (estimate.n, estimate.mean) == (1, 0.7)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_equal_values_have_an_interval_of_no_width() -> None:
    estimate = statistics.estimate_mean(np.array([0.5, 0.5, 0.5]))
    assert (estimate.low, estimate.mean, estimate.high) == (0.5, 0.5, 0.5)


@given(st.lists(scores, min_size=1, max_size=9))
def test_the_sign_flip_test_is_that_of_all_patterns(values: list[float]) -> None:
    differences = np.round(np.array(values), 3)
    assert statistics.sign_flip_p(differences) == pytest.approx(sign_flips(differences))


def test_without_a_difference_p_is_one_and_without_a_pair_there_is_none() -> None:
    assert statistics.sign_flip_p(np.zeros(4)) == 1.0
    assert math.isnan(statistics.sign_flip_p(np.zeros(0)))


def test_bca_intervals_differ_from_percentiles_as_skewness_asks() -> None:
    """Against Efron's formula, written out, on the same resamples."""
    values = np.random.default_rng(3).exponential(size=12)
    generator = np.random.default_rng(0)
    # scipy.stats.bootstrap draws indices like this.
    drawn = values[generator.integers(0, 12, (4999, 12))].mean(axis=1)
    bias = stats.norm.ppf((np.mean(drawn < values.mean()) + np.mean(drawn <= values.mean())) / 2)
    jackknife = np.array([np.delete(values, i).mean() for i in range(12)])
    spread = jackknife.mean() - jackknife
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)
    z = stats.norm.ppf([0.025, 0.975])
    levels = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
    interval = statistics.bootstrap_interval(values)
    assert interval.low == pytest.approx(np.quantile(drawn, levels[0]), abs=0.01)
    assert interval.high == pytest.approx(np.quantile(drawn, levels[1]), abs=0.01)
    assert interval.high > np.quantile(drawn, 0.975) + 0.02


def test_equal_values_have_an_interval_of_no_width_and_one_has_none() -> None:
    interval = statistics.bootstrap_interval(np.full(4, 0.7))
    assert (interval.low, interval.high) == pytest.approx((0.7, 0.7))
    assert math.isnan(statistics.bootstrap_interval(np.array([0.7])).low)


def test_the_bootstrap_gives_the_same_numbers_again() -> None:
    assert statistics.bootstrap_interval(DIFFERENCES) == statistics.bootstrap_interval(DIFFERENCES)


def test_hedges_g_is_cohens_d_with_the_gamma_function() -> None:
    d = DIFFERENCES.mean() / DIFFERENCES.std(ddof=1)
    exact = math.gamma(2) / (math.sqrt(2) * math.gamma(1.5))
    assert statistics.hedges_g(DIFFERENCES) == pytest.approx(d * exact)
    assert exact == pytest.approx(1 - 3 / (4 * 4 - 1), abs=0.003)  # the common approximation


@pytest.mark.parametrize("differences", [[0.1], [0.1, 0.1, 0.1], [0.0, 0.0], [0.1, 0.2]])
def test_without_spread_or_with_two_pairs_there_is_no_effect_size(differences: list[float]) -> None:
    assert math.isnan(statistics.hedges_g(np.array(differences)))


@settings(max_examples=5, deadline=None)  # statsmodels collects garbage in every call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_statsmodels(values: list[float]) -> None:
    p = np.array(values)
    np.testing.assert_allclose(statistics.holm(p), multipletests(p, method="holm")[1])


def test_what_was_not_tested_does_not_count_in_the_family() -> None:
    adjusted = statistics.holm(np.array([0.01, math.nan, 0.04]))
    np.testing.assert_allclose(adjusted, [0.02, math.nan, 0.04])
    assert np.isnan(statistics.holm(np.full(2, math.nan))).all()


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    assert statistics.interquartile_mean(np.array([0, 0, 1, 2, 3, 4, 90, 900.0])) == 2.5


def strata(seed: int, gap: float = 0.0) -> list[Floats]:
    generator = np.random.default_rng(seed)
    return [
        generator.normal([level + gap, level], 0.1, (n, 2)) for level, n in ((0.2, 5), (0.7, 8))
    ]


def test_the_probability_of_improvement_is_that_of_mann_and_whitney() -> None:
    tasks = [np.round(one, 1) for one in strata(1)]  # with ties
    each = [
        stats.mannwhitneyu(one[:, 0], one[:, 1]).statistic / len(one) ** 2 for one in tasks
    ]  # fmt: skip
    assert statistics.improvement_probability(tasks) == pytest.approx(np.mean(each))


def test_stratified_resamples_keep_the_number_of_replicates_of_each_task() -> None:
    seen: list[tuple[int, ...]] = []

    def note(drawn: Sequence[Floats]) -> Floats:
        seen.extend(one.shape for one in drawn)
        # Replicates are drawn whole: their two scores stay together.
        assert set(map(tuple, drawn[0].reshape(-1, 2))) <= set(map(tuple, tasks[0]))
        return statistics.interquartile_gain(drawn)

    tasks = strata(2)
    interval = statistics.stratified_interval(tasks, note)
    assert [shape[1:] for shape in seen] == [(5, 2), (8, 2)]
    assert interval.low < statistics.interquartile_gain(tasks) < interval.high


def test_the_stratified_interval_of_a_mean_is_that_of_theory() -> None:
    """One task: the bootstrap's standard error of a mean is the standard deviation by root n."""
    task = np.random.default_rng(4).normal(size=(60, 2))
    interval = statistics.stratified_interval([task], lambda drawn: drawn[0][..., 0].mean(axis=-1))
    error = task[:, 0].std() / math.sqrt(60)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_a_task_of_one_replicate_gives_no_interval() -> None:
    assert math.isnan(
        statistics.stratified_interval([np.ones((1, 2))], statistics.interquartile_gain).low
    )


def test_percentiles_leave_out_a_fortieth_at_each_end() -> None:
    interval = statistics.percentiles(np.arange(1001.0))
    assert (interval.low, interval.high) == pytest.approx((25, 975))
