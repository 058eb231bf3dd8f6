"""Effective data transferred: learning curves with a known multiplier."""

import math
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq, isotonic_regression

from polymath.evaluation.arrays import Floats
from polymath.evaluation.comparisons import headline_scores
from polymath.evaluation.effective_data import (
    AT_LEAST,
    AT_MOST,
    NO_BOUND,
    effective_shares,
    estimate_multipliers,
    measure_effective_data,
    monotone,
)
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from support.evidence import DOMAINS, write_condition

DATA = np.array([2.0**-power for power in range(7, -1, -1)])


def power_law(error: float, exponent: float) -> Callable[[Floats], Floats]:
    """Return the scores of Hernandez et al.'s form: an error that falls as a power of the data."""
    return lambda data: 1 - error * data**-exponent


def estimate(
    shares: Floats, reached: Floats, data: Floats, learned: Floats, chance: float = 0.0
) -> dict[str, object]:
    """Return the estimate of the first share; one replicate may be given as one row."""
    reached, learned = np.atleast_2d(reached), np.atleast_2d(learned)
    return estimate_multipliers(shares, reached, data, learned, chance)[0]


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 0.4), st.floats(0.05, 0.5), st.floats(1.05, 7.9), st.sampled_from([2, 9]))
def test_power_laws_of_a_known_multiplier_give_it(
    error: float, exponent: float, multiplier: float, density: int
) -> None:
    data = np.geomspace(1 / 128, 1, 7 * density + 1)
    law = power_law(error, exponent)
    share = data[[4 * density]]
    # The law's scores may be below 0, which is no chance level of theirs.
    found = estimate(share, law(multiplier * share), data, law(data), chance=-np.inf)
    # Between two points the curve is read as a straight line, which a power law is nearly.
    step = 2 ** (1 / density)
    assert found["bound"] == ""
    assert found["multiplier"] == pytest.approx(multiplier, rel=0.1 * (step - 1) + 1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.001, 0.2), min_size=8, max_size=8), st.floats(0.0, 1.0))
def test_another_inversion_gives_the_same(rises: list[float], way: float) -> None:
    """SciPy interpolates the curve, and its root finder inverts it."""
    learned = 0.1 + np.cumsum(rises)
    target = learned[0] + way * (learned[-1] - learned[0])
    curve = interp1d(np.log(DATA), learned)
    gap = [float(curve(np.log(DATA[place]))) - target for place in (0, -1)]
    if gap[0] * gap[1] >= 0:  # at an end, but for rounding
        return
    root = brentq(lambda x: float(curve(x)) - target, np.log(DATA[0]), np.log(DATA[-1]), xtol=1e-13)
    found = effective_shares(np.array([[target]]), DATA, learned[None])
    assert found[0, 0] == pytest.approx(math.exp(root), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=4))
def test_curves_are_made_monotone_as_scipy_does(curves: list[list[float]]) -> None:
    wanted = [isotonic_regression(curve).x for curve in curves]
    assert monotone(np.array(curves)) == pytest.approx(np.array(wanted), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 3), st.floats(-1, 1))
def test_the_unit_of_scores_does_not_matter(seed: int, scale: float, shift: float) -> None:
    generator = np.random.default_rng(seed)
    learned = generator.uniform(0.2, 0.9, (4, 5))
    reached = generator.uniform(0.2, 0.9, (4, 1))
    data, shares = np.geomspace(0.1, 1, 5), np.array([0.1])
    first = estimate_multipliers(shares, reached, data, learned, 0.1)[0]
    second = estimate_multipliers(
        shares, scale * reached + shift, data, scale * learned + shift, scale * 0.1 + shift
    )[0]
    assert first["bound"] == second["bound"]
    assert first["multiplier"] == pytest.approx(second["multiplier"], rel=1e-6)


SCRATCH_SCORES = np.array([0.5, 0.6, 0.7, 0.8])
TENTHS = np.array([0.1, 0.2, 0.5, 1.0])


@pytest.mark.parametrize(
    ("reached", "chance", "multiplier", "bound"),
    [
        (0.7, 0.4, 5.0, ""),
        (0.5, 0.4, 1.0, AT_MOST),  # never above random weights
        (0.8, 0.4, 10.0, ""),
        (0.81, 0.4, 10.0, AT_LEAST),
        (0.45, 0.4, 1.0, AT_MOST),
        (0.5, 0.5, math.nan, NO_BOUND),
    ],
)
def test_what_cannot_be_measured_is_bounded(
    reached: float, chance: float, multiplier: float, bound: str
) -> None:
    found = estimate(TENTHS[:1], np.array([reached]), TENTHS, SCRATCH_SCORES, chance)
    assert found["bound"] == bound
    assert found["multiplier"] == pytest.approx(multiplier, nan_ok=True)


def test_an_arm_below_the_least_data_of_random_weights_is_bounded_by_it() -> None:
    reached = np.array([[0.65, 0.45, 0.7, 0.9]])
    found = estimate_multipliers(TENTHS, reached, TENTHS, SCRATCH_SCORES[None], 0.1)
    assert [row["bound"] for row in found] == ["", AT_MOST, "", AT_LEAST]
    assert [row["multiplier"] for row in found] == pytest.approx([math.sqrt(10), 0.5, 1.0, 1.0])


@pytest.mark.parametrize(
    ("reached", "learned", "bounds", "multipliers"),
    [
        # Below random weights everywhere, whose curve falls.
        ([0.75, 0.55], [0.8, 0.6], [AT_MOST, AT_MOST], [1, 1]),
        # As random weights are: 0.8 is reached, whatever a sum of floating-point numbers says.
        ([0.6, 0.7, 0.8], [0.6, 0.7, 0.8], [AT_MOST] * 3, [1, 1, 1]),
        # Below them where they were trained on as much, above a dip later.
        ([0.62, 0.65, 0.7], [0.7, 0.5, 0.6], [AT_MOST, AT_LEAST, AT_LEAST], [1, 2, 1]),
    ],
)
def test_what_is_not_above_random_weights_is_worth_no_more_data(
    reached: list[float], learned: list[float], bounds: list[str], multipliers: list[float]
) -> None:
    data = np.array([0.1, 0.5, 1.0]) if len(learned) == 3 else np.array([0.1, 1.0])
    for replicates in (1, 5):
        rows = [np.tile(each, (replicates, 1)) for each in (reached, learned)]
        found = estimate_multipliers(data, rows[0], data, rows[1], 0.4)
        assert [row["bound"] for row in found] == bounds
        assert [row["multiplier"] for row in found] == pytest.approx(multipliers)
        if replicates > 1:
            highs = [
                row["multiplier_high"] for row, b in zip(found, bounds, strict=True) if b == AT_MOST
            ]
            assert max(highs) <= 1


def test_the_interval_is_paired_by_replicate_and_open_where_it_is_censored() -> None:
    """What all replicates of both arms share does not widen it: only the pairing keeps it so."""
    generator = np.random.default_rng(3)
    shared = generator.normal(0, 0.05, (8, 1))
    law = power_law(0.2, 0.3)
    data = np.geomspace(1 / 64, 1, 13)
    reached, learned = law(np.array([[0.25]])) + shared, law(data)[None] + shared
    paired = estimate_multipliers(np.array([1 / 16]), reached, data, learned, 0.0)[0]
    assert paired["multiplier_low"] == pytest.approx(4.0, rel=0.02)
    assert paired["multiplier_high"] == pytest.approx(4.0, rel=0.02)
    apart = estimate_multipliers(np.array([1 / 16]), reached[::-1], data, learned, 0.0)[0]
    assert apart["multiplier_low"] < 3
    beyond = estimate_multipliers(np.array([1.0]), reached + 0.2, data, learned, 0.0)[0]
    assert (beyond["bound"], beyond["multiplier"]) == (AT_LEAST, 1.0)
    assert (beyond["multiplier_low"], beyond["multiplier_high"]) == (1.0, math.inf)
    alone = estimate_multipliers(np.array([1 / 16]), reached[:1], data, learned[:1], 0.0)[0]
    assert math.isnan(alone["multiplier_low"])


PRETRAINED = Condition("amp", "text-bert", "pretrained", "random", "1", "default")


def table_of(
    folder: Path, rights: dict[Condition, list[int]], idle: Container[Condition] = ()
) -> pd.DataFrame:
    results = ResultPaths(folder)
    written = [write_condition(results, condition, each) for condition, each in rights.items()]
    headline = headline_scores(pd.concat(written))
    lineage = Lineage(domains={"text-bert": "text"}, bases={})
    contrasts = find_contrasts([*headline], DOMAINS, lineage)
    return measure_effective_data(headline, contrasts, idle)


def test_each_comparison_with_random_weights_has_a_row_per_fraction(tmp_path: Path) -> None:
    rights = {
        replace(PRETRAINED, init=init, fraction=fraction): right
        for init, by_fraction in {
            "pretrained": {"0.1": [150, 152, -1], "1": [190, 188, 186]},
            "scratch": {"0.1": [130, 132, 131], "0.5": [150, 152, 160], "1": [170, 172, 160]},
        }.items()
        for fraction, right in by_fraction.items()
    }
    rights[Condition("amp", "majority", NONE, NONE, "1", NONE)] = [120] * 3
    table = table_of(tmp_path, rights)
    assert table["fraction"].tolist() == ["0.1", "1"]
    assert table["multiplier"].tolist() == pytest.approx([5.0, 1.0])
    assert table["bound"].tolist() == ["", AT_LEAST]
    assert set(table["n"]) == {2}  # the third replicate diverged on one share
    assert set(table["diverged"]) == {1}
    assert table["mean"].tolist() == pytest.approx([0.755, 0.945])
    assert table["reference_mean"].tolist() == pytest.approx([0.655, 0.855])
    assert table[["lowest", "highest"]].to_numpy().tolist() == [[1.0, 10.0], [0.1, 1.0]]


def test_what_learned_nothing_has_no_multiplier(tmp_path: Path) -> None:
    arms = [replace(PRETRAINED, init=init, fraction=fraction)
            for init in ("pretrained", "scratch") for fraction in ("0.1", "1")]  # fmt: skip
    rights = dict(zip(arms, ([125, 126], [180, 181], [110, 111], [112, 113]), strict=True))
    assert table_of(tmp_path / "all", rights)["bound"].tolist() == [AT_LEAST, AT_LEAST]
    table = table_of(tmp_path / "idle", rights, idle={arms[0]})
    assert table["bound"].tolist() == [NO_BOUND, AT_LEAST]
    assert table["multiplier_high"].isna().tolist() == [True, False]


def test_one_fraction_has_no_curve_to_compare_with(tmp_path: Path) -> None:
    scratch = replace(PRETRAINED, init="scratch")
    assert table_of(tmp_path, {PRETRAINED: [180, 181], scratch: [150, 151]}).empty
