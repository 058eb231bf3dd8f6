"""The t test with two variances against SciPy, statsmodels and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from polymath.evaluation.mean_test import (
    POWER,
    detectable_difference,
    power,
    standard_error,
    t_test,
)

DIFFERENCES = np.array([0.11, 0.10, 0.12, -0.02, 0.08])


def test_with_seeds_alone_it_is_the_paired_t_test() -> None:
    test = t_test(DIFFERENCES)
    expected = stats.ttest_1samp(DIFFERENCES, 0)
    interval = expected.confidence_interval()
    assert (test.p, test.df) == pytest.approx((expected.pvalue, 4))
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.integers(2, 40), st.floats(0.2, 5), st.integers(0, 99))
def test_two_variances_are_those_of_welch(n: int, groups: int, scale: float, seed: int) -> None:
    """Items that scatter about 0 are a second sample: its mean adds nothing but variance."""
    generator = np.random.default_rng(seed)
    differences = generator.normal(0.3, 1, n)
    items = generator.normal(0, scale, groups)
    items -= items.mean()
    error = items.std(ddof=1) / math.sqrt(groups)
    test = t_test(differences, error, groups - 1)
    expected = stats.ttest_ind(differences, items, equal_var=False)
    assert (test.p, test.df) == pytest.approx((expected.pvalue, expected.df))
    both = CompareMeans(DescrStatsW(differences), DescrStatsW(items))
    assert (test.low, test.high) == pytest.approx(both.tconfint_diff(usevar="unequal"))


@pytest.mark.parametrize(
    ("differences", "items_error"),
    [([], 0.0), ([0.1], 0.0), ([0.1, 0.1, 0.1], 0.0), ([0.1, 0.2, 0.1], math.nan)],
)
def test_where_nothing_is_known_of_the_scatter_there_is_no_test(
    differences: list[float], items_error: float
) -> None:
    test = t_test(np.array(differences), items_error, 40)
    assert math.isnan(test.p)
    assert math.isnan(test.low)


def test_seeds_that_agree_leave_the_items() -> None:
    test = t_test(np.full(3, 0.1), 0.02, 29)
    assert (test.error, test.df) == pytest.approx((0.02, 29))
    assert test.p == pytest.approx(2 * stats.t.sf(5, 29))


@pytest.mark.parametrize("n", [3, 5, 20])
def test_power_is_statsmodels(n: int) -> None:
    error, df = standard_error(0.5, n)
    expected = TTestPower().power(0.4 / 0.5, n, 0.05 / 4)
    assert power(0.4, error, df, tests=4) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("shift", "df", "tests"),
    [(64.20756424379529, 8.000456720087765, 18), (38.545855226824, 45.89321672081755, 9)],
)
def test_the_power_of_a_large_effect_is_one(shift: float, df: float, tests: int) -> None:
    assert power(shift, 1, df, tests) == pytest.approx(1)


@pytest.mark.parametrize(("n", "tests"), [(3, 1), (5, 4), (20, 1)])
def test_the_detectable_difference_has_the_power_that_it_promises(n: int, tests: int) -> None:
    error, df = standard_error(0.5, n, 0.1, 40)
    difference = detectable_difference(error, df, tests)
    assert power(difference, error, df, tests) == pytest.approx(POWER, abs=1e-4)
