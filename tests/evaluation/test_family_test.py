"""The test of all tasks together against SciPy's permutation test and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from polymath.evaluation.family_test import Stratum, pooled_difference, sign_flip_together
from polymath.evaluation.statistics import interquartile_mean, sign_flip_p


def tasks(seed: int, gap: float = 0.0, n: int = 3, items: float = 0.0) -> list[Stratum]:
    generator = np.random.default_rng(seed)
    return [
        Stratum(generator.normal(gap, 1, n) * scale, items * scale) for scale in (1, 0.1, 10, 3)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_without_items_it_is_scipys_permutation_test_of_scaled_differences(seed: int) -> None:
    strata = tasks(seed, 0.5)
    scaled = [
        each.differences / np.sqrt(np.mean(each.differences**2)) for each in strata
    ]  # fmt: skip
    expected = stats.permutation_test(
        (np.concatenate(scaled),), np.mean, permutation_type="samples", n_resamples=2**12
    )
    assert sign_flip_together(strata).p == pytest.approx(expected.pvalue)


def test_three_replicates_of_four_tasks_can_decide_where_one_task_cannot() -> None:
    strata = [Stratum(np.array([1.0, 1.2, 0.9]) * scale) for scale in (1, 0.01, 5, 2)]
    together = sign_flip_together(strata)
    assert together.p == 2 / 2**12
    assert together.direction > 0
    assert sign_flip_together([Stratum(-each.differences) for each in strata]).direction < 0
    assert sign_flip_p(strata[0].differences) == 0.25


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(0.01, 100))
def test_the_unit_of_a_task_does_not_matter(seed: int, unit: float) -> None:
    strata = tasks(seed, 0.4, items=0.3)
    changed = [Stratum(strata[0].differences * unit, strata[0].shared_error * unit), *strata[1:]]
    assert sign_flip_together(changed).p == pytest.approx(sign_flip_together(strata).p, abs=0.002)


def test_test_items_make_p_larger_and_enough_of_them_decide_nothing() -> None:
    alone, few, many = (sign_flip_together(tasks(0, 1.5, items=error)).p for error in (0, 0.5, 50))
    assert alone < few < many
    assert many > 0.5


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_little_error_of_items_does_not_decide_what_flips_alone_cannot(n: int) -> None:
    pairs = np.linspace(1, 1.2, n)
    assert sign_flip_together([Stratum(pairs, 1e-3)]).p == pytest.approx(2 / 2**n, abs=0.01)


def test_the_scale_of_a_task_has_the_variance_of_its_items_too() -> None:
    assert Stratum(np.array([3.0, -3.0]), 2.0).scale == pytest.approx(math.sqrt(9 + 2 * 4))


def test_many_pairs_are_drawn_at_random_and_give_the_same_p_again() -> None:
    strata = tasks(3, 0.2, n=12)
    p = sign_flip_together(strata).p
    assert p == sign_flip_together(strata).p
    scaled = np.concatenate([each.differences / each.scale for each in strata])
    normal = 2 * stats.norm.sf(abs(scaled.sum()) / np.sqrt((scaled**2).sum()))
    assert p == pytest.approx(normal, abs=0.02)


def test_tasks_without_any_difference_have_p_of_one() -> None:
    assert sign_flip_together([Stratum(np.zeros(3)), Stratum(np.zeros(3))]).p == 1
    some = tasks(0, 1.0)
    assert sign_flip_together([*some, Stratum(np.zeros(3))]) == sign_flip_together(some)


def test_replicates_that_no_seed_changes_are_one_observation() -> None:
    equal = [Stratum(np.full(6, value)) for value in (0.1, 0.3)]
    assert sign_flip_together(equal[:1]).p == 1
    assert sign_flip_together(equal).p == 0.5
    assert sign_flip_together(equal).direction == pytest.approx(1)
    assert sign_flip_together([Stratum(np.full(6, 0.1), 0.01)]).p < 0.05  # the items vary


def test_the_pooled_difference_is_the_interquartile_mean_of_all_pairs() -> None:
    strata = tasks(1, 0.5)
    pooled, interval = pooled_difference(strata)
    assert pooled == interquartile_mean(np.concatenate([each.differences for each in strata]))
    assert interval.low < pooled < interval.high
    assert pooled_difference(strata) == (pooled, interval)


def test_the_interval_of_one_task_has_the_width_of_both_variances() -> None:
    values = np.random.default_rng(2).normal(0, 1, 400)
    _, seeds = pooled_difference([Stratum(values)])
    _, both = pooled_difference([Stratum(values, 0.3)])
    # The interquartile mean of normal values has 1.2 times the variance of their mean.
    assert (seeds.high - seeds.low) / 2 == pytest.approx(1.96 * math.sqrt(1.2 / 400), rel=0.1)
    assert (both.high - both.low) / 2 == pytest.approx(1.96 * math.sqrt(1.2 / 400 + 0.09), rel=0.1)


def test_few_replicates_are_drawn_with_the_variance_of_the_population() -> None:
    """Of three pairs the largest is drawn three times in 1 of 27 resamples: more than 2.5 %."""
    _, interval = pooled_difference([Stratum(np.array([-1.0, 0.0, 1.0]))])
    assert (interval.low, interval.high) == pytest.approx((-math.sqrt(1.5), math.sqrt(1.5)))


def test_a_task_of_one_pair_and_an_interval_without_width_give_none() -> None:
    assert math.isnan(pooled_difference([Stratum(np.ones(1))])[1].low)
    equal = Stratum(np.full(6, 0.1))
    assert math.isnan(pooled_difference([equal])[1].low)
    some = tasks(0, 1.0)
    assert pooled_difference([*some, equal])[1].low < pooled_difference([*some, equal])[0]
