"""Times to a target, censored where it is never reached; Kaplan and Meier are SciPy's."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from polymath.evaluation.convergence import (
    SHARE,
    Curve,
    Learning,
    area_under,
    compare_speed,
    measure_convergence,
    median_time,
    own_times,
    read_chances,
    read_learning,
    time_to,
)
from polymath.evaluation.rate_sensitivity import ONE_RATE, RateChoice
from polymath.evaluation.statistics import estimate_mean
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import Contrast

EXAMPLES = np.array([0.0, 100, 200, 300, 400])


def curve(*scores: float, finished: bool = True) -> Curve:
    points = np.array(scores)
    examples = EXAMPLES[: len(points)]
    return Curve(examples, points, examples / 10 + 2, finished)


def learned(*curves: Curve) -> Learning:
    return Learning("dna", "accuracy", 0.5, dict(enumerate(curves)), RateChoice(1, False))


def test_the_target_is_reached_on_the_line_between_two_evaluations() -> None:
    scores = np.array([0.5, 0.6, 0.8, 0.7, 0.9])
    assert time_to(0.65, scores, EXAMPLES) == pytest.approx(125)
    assert time_to(0.8, scores, EXAMPLES) == 200
    assert time_to(0.85, scores, EXAMPLES) == pytest.approx(375)
    assert time_to(0.91, scores, EXAMPLES) == math.inf
    assert time_to(0.4, scores, EXAMPLES) == 1  # before the first step


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0, 1))
def test_a_higher_target_is_never_reached_sooner(scores: list[float], target: float) -> None:
    values, times = np.array(scores), np.linspace(0, 700, len(scores))
    assert time_to(target, values, times) <= time_to(target + 0.1, values, times)


def test_the_area_is_the_mean_height_of_the_curve() -> None:
    assert area_under(curve(0.5, 0.7, 0.9, 0.9, 0.9)) == pytest.approx((0.6 + 0.8 + 0.9 + 0.9) / 4)
    assert math.isnan(area_under(curve(0.5, 0.6, finished=False)))


@given(st.lists(st.one_of(st.integers(1, 399), st.none()), min_size=1, max_size=9))
def test_the_median_is_kaplan_and_meiers(reached: list[int | None]) -> None:
    times = np.array([math.inf if one is None else one for one in reached])
    survival = stats.ecdf(
        stats.CensoredData(uncensored=times[np.isfinite(times)],
                           right=np.full(np.isinf(times).sum(), 400.0))
    ).sf  # fmt: skip
    below = np.flatnonzero(survival.probabilities <= 0.5 + 1e-12)
    expected = survival.quantiles[below[0]] if len(below) else math.inf
    if expected == 400:  # the last censored time is no event
        expected = math.inf
    assert median_time(times) == expected


def test_arms_are_compared_by_the_share_of_the_budget_that_one_saves() -> None:
    fast = learned(curve(0.5, 0.7, 0.9, 0.9, 0.9), curve(0.5, 0.9, 0.9, 0.9, 0.9))
    slow = learned(curve(0.5, 0.5, 0.5, 0.7, 0.9), curve(0.5, 0.5, 0.5, 0.5, 0.7))
    row = compare_speed(fast, slow)
    target = 0.5 + SHARE * 0.4
    assert row["target"] == pytest.approx(target)
    times = np.array([100 + 100 * (target - 0.7) / 0.2, 100 * (target - 0.5) / 0.4])
    others = np.array([300 + 100 * (target - 0.7) / 0.2, 400])  # the second never reaches it
    assert (row["reached"], row["reference_reached"]) == (2, 1)
    assert row["examples"] == pytest.approx(times.mean())
    assert row["reference_examples"] == pytest.approx(others.mean())
    assert row["speed_up"] == pytest.approx(others.mean() / times.mean())
    assert row["speed_up_low"] <= row["speed_up"] <= row["speed_up_high"]
    expected = estimate_mean((others - times) / 400).within(-1, 1)
    assert (row["saved"], row["saved_low"], row["saved_high"]) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert row["median"] == pytest.approx(times.min())
    assert row["reference_median"] == pytest.approx(others.min())
    seconds = times / 10 + 2
    assert row["seconds"] == pytest.approx(seconds.mean())
    assert row["seconds_ratio"] == pytest.approx((others / 10 + 2).mean() / seconds.mean())
    assert row["area_gain"] == pytest.approx(
        np.mean([area_under(one) for one in fast.curves.values()])
        - np.mean([area_under(one) for one in slow.curves.values()])
    )


def test_relative_speed_does_not_depend_on_where_an_arm_ends() -> None:
    """Curves of one shape, of which one ends lower, have no lead, but differ at one score."""
    shape = np.array([0, 0.5, 0.8, 0.95, 1.0])
    high = learned(*(curve(*(0.5 + end * shape)) for end in (0.38, 0.4, 0.42)))
    low = learned(*(curve(*(0.5 + end * shape)) for end in (0.285, 0.3, 0.315)))
    row = compare_speed(high, low)
    assert (row["own_target"], row["reference_own_target"]) == pytest.approx((0.86, 0.77))
    assert row["lead"] == pytest.approx(0, abs=1e-9)
    assert row["own_time"] == pytest.approx(row["reference_own_time"])
    assert row["saved"] > 0.2
    assert row["reference_reached"] == 0


def test_the_uncertainty_of_the_target_is_that_of_times_around_it() -> None:
    """On straight curves a target that is higher by a share is reached later by that share."""
    ends = np.array([0.88, 0.9, 0.92])
    arm = learned(*(curve(*np.linspace(0.5, end, 5)) for end in ends))
    times, error = own_times([*arm.curves.values()], arm, 400)
    np.testing.assert_allclose(times, np.minimum(0.36 / (ends - 0.5), 1))
    shift = SHARE * ends.std(ddof=1) / math.sqrt(3)
    expected = [np.minimum((0.36 + each) / (ends - 0.5), 1).mean() for each in (shift, -shift)]
    assert error == pytest.approx((expected[0] - expected[1]) / 2)
    late = learned(*(curve(0.5, 0.5, *np.linspace(0.5, end, 3)) for end in ends))
    row = compare_speed(arm, late)
    late_error = own_times([*late.curves.values()], late, 400)[1]
    assert row["target_error"] == pytest.approx(math.hypot(error, late_error))
    assert row["error"] > row["target_error"]
    assert row["lead"] == pytest.approx(row["differences"].mean())
    assert row["lead"] > 0  # the first arm is the earlier one


def test_an_arm_that_does_not_leave_chance_has_no_relative_speed() -> None:
    flat = learned(curve(0.5, 0.45, 0.56), curve(0.5, 0.5, 0.45))
    row = compare_speed(learned(curve(0.5, 0.8, 0.9), curve(0.5, 0.9, 0.9)), flat)
    assert row["differences"] is None
    assert "lead" not in row
    assert row["saved"] > 0


def test_a_run_that_diverged_is_kept_as_one_that_never_arrived() -> None:
    whole = curve(0.5, 0.7, 0.9, 0.9, 0.9)
    ended = learned(whole, curve(0.5, 0.95, finished=False))
    row = compare_speed(ended, learned(whole, whole))
    assert (row["n"], row["reached"], row["reference_reached"]) == (2, 1, 2)
    assert row["differences"][1] == pytest.approx((row["reference_median"] - 400) / 400)
    assert row["own_target"] == row["reference_own_target"] == row["target"]
    # Its end is not the better arm's end, and its area is not compared.
    assert row["target"] == pytest.approx(0.5 + SHARE * 0.4)
    assert row["area_gain"] == 0


def test_arms_that_stay_at_chance_or_both_diverged_have_no_target() -> None:
    flat = learned(curve(0.5, 0.5, 0.5), curve(0.5, 0.4, 0.5))
    assert compare_speed(flat, flat) == {"n": 2, "differences": None}
    ended = learned(curve(0.5, 0.9, finished=False))
    assert compare_speed(ended, ended) == {"n": 1, "differences": None}


def test_an_arm_whose_test_scores_show_nothing_learned_has_no_speed() -> None:
    arm = learned(curve(0.5, 0.6, 0.9), curve(0.5, 0.7, 0.9))
    other = learned(curve(0.5, 0.8, 0.9), curve(0.5, 0.6, 0.9))
    by_luck = replace(other, has_learned=False)  # its few dev items are above chance
    assert compare_speed(arm, other)["lead"] < 0
    one = compare_speed(arm, by_luck)
    assert one["differences"] is None
    assert "lead" not in one
    assert one["target"] == pytest.approx(0.86)
    assert compare_speed(by_luck, by_luck) == {"n": 2, "differences": None}


def test_curves_are_read_with_the_replicates_that_diverged() -> None:
    table = pd.DataFrame({"replicate": [0, 0, 1], "examples": [0, 100, 0], "seconds": [1, 2, 1],
                          "dev_score": [0.5, 0.9, 0.5]})  # fmt: skip
    trials = [{"learning_rate": rate, "dev_scores": [0.7]} for rate in (1e-4, 3e-4, 1e-3)]
    metadata = {"domain": "dna", "metric": "accuracy", "diverged": {"1": {"step": 15}},
                "learning_rate": 3e-4, "rate_trials": trials}  # fmt: skip
    learning = read_learning(table, metadata, 0.5, False)
    assert (learning.domain, learning.metric, learning.chance) == ("dna", "accuracy", 0.5)
    assert [learning.curves[number].finished for number in (0, 1)] == [True, False]
    assert learning.curves[0].scores.tolist() == [0.5, 0.9]
    assert learning.choice == RateChoice(3, False)
    assert not learning.has_learned


def test_chance_is_that_of_dev_under_the_headline_metric() -> None:
    rows = [("dev", True, 0.5), ("dev", False, 0.6), ("test", True, 0.7)]
    names = Condition("splice", "small", "scratch", "random", "1", "default").columns
    table = pd.DataFrame([{**names, "split": split, "headline": headline, "chance": chance}
                          for split, headline, chance in rows])  # fmt: skip
    assert read_chances(table) == {Condition(**names): 0.5}


def test_the_table_has_a_row_per_contrast() -> None:
    scratch = Condition("splice", "small", "scratch", "random", "1", "default")
    pretrained = replace(scratch, init="pretrained")
    learning = {
        pretrained: learned(curve(0.5, 0.8, 0.9), curve(0.5, 0.9, 0.9)),
        scratch: learned(curve(0.5, 0.6, 0.8), curve(0.5, 0.5, finished=False)),
    }
    table = measure_convergence(learning, [Contrast(pretrained, scratch, "scratch")])
    (row,) = table.to_dict("records")
    assert (row["task"], row["init"], row["against"]) == ("splice", "pretrained", "scratch")
    assert (row["n"], row["reached"], row["reference_reached"]) == (2, 2, 0)
    assert row["target"] == pytest.approx(0.5 + SHARE * 0.4)
    assert row["budget"] == 200
    assert math.isinf(row["reference_median"])
    assert math.isnan(row["p"])  # of one arm a single run finished: its target may be anywhere
    assert (row["sign_flip_p"], row["qualifier"]) == (0.5, ONE_RATE)
    assert measure_convergence(learning, []).empty
