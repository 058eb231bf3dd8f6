"""Times to a target, censored where it is never reached; Kaplan and Meier are SciPy's."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from polymath.evaluation.convergence import (
    SHARE,
    Curve,
    Learned,
    area_under,
    compare_speed,
    measure_convergence,
    median_time,
    time_to,
)
from polymath.evaluation.scores import SCHEMA as SCORES_SCHEMA
from polymath.evaluation.statistics import estimate_mean
from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.lineage import Lineage
from polymath.util.storage import read_table, write_table

Floats = NDArray[np.float64]
EXAMPLES = np.array([0.0, 100, 200, 300, 400])
LINEAGE = Lineage(domains={"small": "text"}, bases={})


def curve(*scores: float, finished: bool = True) -> Curve:
    points = np.array(scores)
    examples = EXAMPLES[: len(points)]
    return Curve(examples, points, examples / 10 + 2, finished)


def learned(*curves: Curve) -> Learned:
    return Learned("dna", "accuracy", 0.5, dict(enumerate(curves)))


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
    expected = estimate_mean((others - times) / 400)
    assert (row["saved"], row["low"], row["high"]) == pytest.approx(
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


def test_a_run_that_diverged_is_kept_as_one_that_never_arrived() -> None:
    whole = curve(0.5, 0.7, 0.9, 0.9, 0.9)
    ended = learned(whole, curve(0.5, 0.95, finished=False))
    row = compare_speed(ended, learned(whole, whole))
    assert (row["n"], row["reached"], row["reference_reached"]) == (2, 1, 2)
    assert row["differences"][1] == pytest.approx((row["reference_median"] - 400) / 400)
    # Its end is not the better arm's end, and its area is not compared.
    assert row["target"] == pytest.approx(0.5 + SHARE * 0.4)
    assert row["area_gain"] == 0


def test_arms_that_stay_at_chance_have_no_target() -> None:
    flat = learned(curve(0.5, 0.5, 0.5), curve(0.5, 0.4, 0.5))
    assert compare_speed(flat, flat) == {"n": 2, "differences": None}


def test_arms_that_both_diverged_have_none_either() -> None:
    ended = learned(curve(0.5, 0.9, finished=False))
    assert compare_speed(ended, ended) == {"n": 1, "differences": None}


def write_run(folder: Path, init: str, scores: list[list[float]], diverged: dict[str, Any]) -> Path:
    condition = Condition("splice", "small", init, "random", "1", "default")
    curves = pd.DataFrame(
        [
            {"replicate": replicate, "step": 10 * place, "examples": EXAMPLES[place],
             "train_loss": 0.1, "dev_score": score, "seconds": 1.0 + place}
            for replicate, run in enumerate(scores)
            for place, score in enumerate(run)
        ]
    )  # fmt: skip
    metadata = {**condition.columns, "domain": "dna", "metric": "accuracy", "diverged": diverged}
    path = folder / condition.path
    write_table(curves, path / "curves.parquet", CURVE_SCHEMA, metadata)
    rows = [{**condition.columns, "split": split, "headline": True, "chance": chance}
            for split, chance in (("dev", 0.5), ("test", 0.7))]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=SCORES_SCHEMA.names)
    write_table(table, path / "scores.parquet", SCORES_SCHEMA, {})
    return path


def test_the_table_has_a_row_a_comparison(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path, "pretrained", [[0.5, 0.8, 0.9], [0.5, 0.9, 0.9]], {}),
        write_run(tmp_path, "scratch", [[0.5, 0.6, 0.8], [0.5, 0.5]], {"1": {"step": 15}}),
    ]
    measure_convergence(
        [run / "curves.parquet" for run in runs], [run / "scores.parquet" for run in runs],
        LINEAGE, tmp_path / "convergence.parquet",
    )  # fmt: skip
    (row,) = read_table(tmp_path / "convergence.parquet").to_dict("records")
    assert (row["task"], row["init"], row["against"]) == ("splice", "pretrained", "scratch")
    assert (row["n"], row["reached"], row["reference_reached"]) == (2, 2, 0)
    assert row["target"] == pytest.approx(0.5 + SHARE * 0.4)  # by chance on dev, not on test
    assert row["budget"] == 200
    assert math.isinf(row["reference_median"])
    assert row["p"] == row["p_holm"] == 0.5


def test_an_experiment_without_pairs_has_an_empty_table(tmp_path: Path) -> None:
    run = write_run(tmp_path, "pretrained", [[0.5, 0.8]], {})
    table = measure_convergence(
        [run / "curves.parquet"], [run / "scores.parquet"], LINEAGE, tmp_path / "c.parquet"
    )
    assert len(table) == len(read_table(tmp_path / "c.parquet")) == 0
