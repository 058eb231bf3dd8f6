"""Estimates and comparisons of conditions with known differences."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from polymath.evaluation.comparisons import HALFWAY, compare_scores, headline_scores, summarise
from polymath.evaluation.mean_test import detectable_difference, t_test
from polymath.evaluation.metrics import predict
from polymath.evaluation.predictions import read_groups, read_test_predictions
from polymath.evaluation.rate_sensitivity import ONE_RATE, RateChoice
from polymath.evaluation.statistics import estimate_mean, hedges_g, holm
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from support.evidence import DOMAINS, ITEMS, write_condition, write_records

LINEAGE = Lineage(domains={"text-bert": "text", "protein-bert": "protein"}, bases={})


def condition(init: str = "pretrained", **changes: str) -> Condition:
    return replace(Condition("amp", "text-bert", init, "random", "1", "default"), **changes)


def tables(
    folder: Path, *conditions: tuple[Condition, list[int]], per_group: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the estimates, comparisons and summary of conditions with so many right answers.

    Args:
        per_group: test items that share a group.
    """
    results = ResultPaths(folder)
    scores = headline_scores(
        pd.concat([write_condition(results, *condition) for condition in conditions])
    )
    write_records(results, "amp", per_group)
    contrasts = find_contrasts(list(scores), DOMAINS, LINEAGE)
    estimates, comparisons = compare_scores(
        scores,
        contrasts,
        lambda condition: read_test_predictions(results.predictions(condition)).resample(
            read_groups(results.records(condition.task)), "yes"
        ),
        dict.fromkeys(scores, RateChoice(1, False)),
    )
    return estimates, comparisons, summarise(contrasts, scores)


RIGHT = [180, 184, 170, 176]
SCRATCH = [160, 150, 155, 158]


def test_a_condition_has_intervals_of_both_kinds(tmp_path: Path) -> None:
    estimates, _, _ = tables(tmp_path, (condition(), RIGHT))
    row = estimates.iloc[0]
    values = np.array(RIGHT) / ITEMS
    expected = estimate_mean(values)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert row["deviation"] == pytest.approx(values.std(ddof=1))
    assert values.min() <= row["bootstrap_low"] < row["mean"] < row["bootstrap_high"]
    # Four replicates that err on different items: the mean's error is about half of one's.
    error = math.sqrt(0.8875 * 0.1125 / ITEMS / 4)
    assert (row["items_high"] - row["items_low"]) / 2 == pytest.approx(1.96 * error, rel=0.25)


def test_a_comparison_is_paired_by_replicate_and_by_item(tmp_path: Path) -> None:
    _, comparisons, _ = tables(tmp_path, (condition(), RIGHT), (condition("scratch"), SCRATCH))
    (row,) = comparisons.to_dict("records")
    differences = (np.array(RIGHT) - np.array(SCRATCH)) / ITEMS
    np.testing.assert_allclose(row["differences"], differences)
    expected = stats.ttest_1samp(differences, 0).confidence_interval()
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((expected.low, expected.high))
    assert (row["items"], row["groups"], row["qualifier"]) == (ITEMS, ITEMS, ONE_RATE)
    test = t_test(differences, row["items_error"], ITEMS - 1)
    assert [row[name] for name in ("p", "low", "high")] == pytest.approx(
        [test.p, test.low, test.high]
    )
    assert row["p_holm"] == row["p"]
    assert row["detectable"] == detectable_difference(row["error"], row["df"])
    assert row["sign_flip_p"] == pytest.approx(2 / 16)
    assert row["effect"] == pytest.approx(hedges_g(differences))
    # Both arms err on the same items but for the difference, so its error is that of the rest.
    apart = differences.mean()
    error = math.sqrt(apart * (1 - apart) / ITEMS / 4)
    assert (row["items_high"] - row["items_low"]) / 2 == pytest.approx(1.96 * error, rel=0.25)
    assert row["items_error"] == pytest.approx(error, rel=0.25)


def test_replicates_that_diverged_are_counted_and_left_out_of_the_pairs(tmp_path: Path) -> None:
    estimates, comparisons, _ = tables(
        tmp_path, (condition(), [-1, 180, 170, 176]), (condition("scratch"), [160, 150, -1, 158])
    )
    (row,) = comparisons.to_dict("records")
    assert (row["n"], row["diverged"]) == (2, 2)
    assert (row["items"], row["chance"]) == (ITEMS, 0.6)
    np.testing.assert_allclose(row["differences"], [0.15, 0.09])
    assert estimates[["n", "diverged"]].to_numpy().tolist() == [[3, 1], [3, 1]]
    assert estimates["mean"][0] == pytest.approx((180 + 170 + 176) / 3 / ITEMS)


@pytest.mark.filterwarnings("error")
def test_an_arm_that_diverged_throughout_has_no_number(tmp_path: Path) -> None:
    estimates, comparisons, summary = tables(
        tmp_path, (condition(), RIGHT), (condition("scratch"), [-1] * 4)
    )
    (row,) = comparisons.to_dict("records")
    assert (row["n"], row["diverged"]) == (0, 4)
    for name in ("difference", "low", "bootstrap_low", "p_holm", "sign_flip_p"):
        assert math.isnan(row[name])
    assert estimates["mean"].isna().tolist() == [False, True]
    assert summary.empty


def test_holm_is_over_the_tasks_of_a_family(tmp_path: Path) -> None:
    both = [condition(), condition("scratch")]
    other = [replace(one, task="splice", mapping="character") for one in both]
    less = [replace(one, fraction="0.1") for one in both]
    rights = (RIGHT, SCRATCH)
    mixed = ([150, 170, 160, 160], SCRATCH)
    _, comparisons, summary = tables(
        tmp_path, *zip(both, rights, strict=True), *zip(other, mixed, strict=True),
        *zip(less, rights, strict=True),
    )  # fmt: skip
    found = comparisons.set_index(["task", "fraction"])
    family = found.loc[[("amp", "1"), ("splice", "1")]]
    np.testing.assert_allclose(family["p_holm"], holm(family["p"].to_numpy()))
    assert found.loc[("amp", "1"), "p_holm"] == pytest.approx(2 * found.loc[("amp", "1"), "p"])
    alone = found.loc[("amp", "0.1")]
    assert alone["p_holm"] == alone["p"]
    assert alone["detectable"] < found.loc[("amp", "1"), "detectable"]
    assert sorted(zip(summary["fraction"], summary["tasks"], strict=True)) == [("0.1", 1), ("1", 2)]


def test_the_summary_counts_tasks_that_have_a_pair(tmp_path: Path) -> None:
    both = [condition(), condition("scratch")]
    diverged = [replace(each, task="splice", mapping="character") for each in both]
    _, _, summary = tables(
        tmp_path, *zip(both, (RIGHT, SCRATCH), strict=True),
        *zip(diverged, (RIGHT, [-1] * 4), strict=True),
    )  # fmt: skip
    assert summary[["tasks", "rows", "runs"]].to_numpy().tolist() == [[1, 1, 4]]


def test_the_summary_puts_chance_at_0_and_perfection_at_1(tmp_path: Path) -> None:
    _, _, summary = tables(tmp_path, (condition(), RIGHT), (condition("scratch"), SCRATCH))
    (row,) = summary.to_dict("records")
    scores, others = ((np.array(one) / ITEMS - 0.6) / 0.4 for one in (RIGHT, SCRATCH))
    assert row["iqm"] == pytest.approx(np.sort(scores)[1:3].mean())
    assert row["reference_iqm"] == pytest.approx(np.sort(others)[1:3].mean())
    assert row["gain"] == pytest.approx(row["iqm"] - row["reference_iqm"])
    assert row["gain_low"] <= row["gain"] <= row["gain_high"]
    assert row["improvement"] == 1
    assert (row["rows"], row["runs"]) == (1, 4)


def test_a_test_set_of_one_class_leaves_the_summary_of_other_tasks_defined(
    tmp_path: Path,
) -> None:
    both = [condition(), condition("scratch")]
    both += [replace(each, task="splice") for each in both]
    written = [write_condition(ResultPaths(tmp_path), each, RIGHT) for each in both]
    scores = {
        each: replace(score, chance=1.0) if each.task == "splice" else score
        for each, score in headline_scores(pd.concat(written)).items()
    }
    contrasts = find_contrasts(both, {**DOMAINS, "splice": "dna"}, LINEAGE)
    (row,) = summarise(contrasts, scores).to_dict("records")
    assert row["tasks"] == 2
    assert np.isfinite([row["iqm"], row["gain"], row["gain_low"], row["improvement"]]).all()


def test_an_experiment_without_pairs_has_estimates_alone(tmp_path: Path) -> None:
    estimates, comparisons, summary = tables(tmp_path, (condition("scratch"), SCRATCH))
    assert len(estimates) == 1
    assert comparisons.empty
    assert summary.empty


IN_DOMAIN = condition(model="protein-bert", mapping="character")


def test_an_in_domain_model_is_compared_with_directly_and_halfway_from_random_weights(
    tmp_path: Path,
) -> None:
    _, comparisons, summary = tables(
        tmp_path, (condition(), RIGHT), (condition("scratch"), SCRATCH),
        (IN_DOMAIN, [190, 188, -1, 192]),
    )  # fmt: skip
    found = comparisons.set_index("against")
    assert list(found.index) == ["scratch", "in-domain", HALFWAY]
    right, scratch, best = (np.array(one)[[0, 1, 3]] / ITEMS
                            for one in (RIGHT, SCRATCH, [190, 188, 0, 192]))  # fmt: skip
    np.testing.assert_allclose(
        found.loc[HALFWAY, "differences"], right - (scratch + best) / 2, atol=1e-12
    )
    assert found.loc[HALFWAY, "reference_mean"] == pytest.approx((scratch + best).mean() / 2)
    assert found.loc[HALFWAY, "diverged"] == 1
    assert found.loc[HALFWAY, "reference_model"] == "protein-bert"
    # Were the in-domain model a text model, its gain would be that comparison with random weights.
    alone = tables(
        tmp_path / "alone", (condition(), [190, 188, -1, 192]), (condition("scratch"), SCRATCH)
    )[1]
    assert found.loc[HALFWAY, "domain_gain_low"] == pytest.approx(alone.loc[0, "low"])
    assert found.loc[["scratch", "in-domain"], "domain_gain_low"].isna().all()
    # The midpoint shares the text model's items: its error is not that of three arms apart.
    assert 0 < found.loc[HALFWAY, "items_error"] < 0.02
    assert set(summary["against"]) == {"scratch", "in-domain"}


def test_without_random_weights_there_is_nothing_halfway(tmp_path: Path) -> None:
    _, comparisons, _ = tables(tmp_path, (condition(), RIGHT), (IN_DOMAIN, RIGHT))
    assert list(comparisons["against"]) == ["in-domain"]


def compare_in_groups(folder: Path, per_group: int) -> dict[str, Any]:
    """Return the comparison of two arms whose test items share groups."""
    arms = (condition(), RIGHT), (condition("scratch"), SCRATCH)
    (row,) = tables(folder, *arms, per_group=per_group)[1].to_dict("records")
    return row


def test_items_of_one_group_say_nothing_of_others(tmp_path: Path) -> None:
    row = compare_in_groups(tmp_path, per_group=ITEMS)
    assert row["groups"] == 1
    assert math.isnan(row["p"])


def test_the_error_of_items_is_that_of_the_mean_of_few_groups(tmp_path: Path) -> None:
    """With the divisor m - 1: five groups would otherwise have an error that is 11 % too small."""
    row = compare_in_groups(tmp_path, per_group=ITEMS // 5)
    arms = [
        read_test_predictions(ResultPaths(tmp_path).predictions(condition(init)))
        for init in ("pretrained", "scratch")
    ]
    right, scratch = (
        np.mean([predict(each) == arm.targets for each in arm.by_replicate.values()], axis=0)
        for arm in arms
    )
    of_groups = (right - scratch).reshape(5, -1).mean(axis=1)
    assert row["groups"] == 5
    assert row["items_error"] == pytest.approx(of_groups.std(ddof=1) / math.sqrt(5), rel=0.06)
