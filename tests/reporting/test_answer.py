"""The answer in sentences: verdicts with qualifiers and numbers, and what would settle them."""

import re

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.tables import CLAIM_SCHEMA as CLAIMS
from polymath.evaluation.tables import FAMILY_VERDICT_SCHEMA as FAMILIES
from polymath.evaluation.tables import MATRIX_SCHEMA as MATRIX
from polymath.reporting.answer import (
    AnswerInWords,
    answer_in_words,
    describe_families,
    print_answer,
)
from support.report import MATRIX_ROWS, judged, judged_together, scored, table


def answer_of(
    families: list[dict[str, object]],
    claims: list[dict[str, object]],
    matrix: list[dict[str, object]] = MATRIX_ROWS,
) -> AnswerInWords:
    return answer_in_words(table(families, FAMILIES), table(claims, CLAIMS), table(matrix, MATRIX))


def undecided(
    mean: float, deviation: float, n: int = 8, items_error: float = 0.0
) -> dict[str, object]:
    """A task that is undecided for want of evidence."""
    differences = np.linspace(-1, 1, n)
    differences = mean + deviation * differences / differences.std(ddof=1)
    return judged("better", "undecided", mean, p=0.2, differences=differences, n=n, items=300,
                  groups=300, shared_error=items_error, shared_df=299)  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [("supported", "Yes"), ("contradicted", "No"), ("undecided", "Inconclusive")],
)
def test_final_scores_come_first_with_their_number(verdict: str, opening: str) -> None:
    families = [judged_together("faster", "supported", 0.3),
                judged_together("better", verdict, 0.07)]  # fmt: skip
    better, faster = answer_of(families, []).together
    assert better.startswith(opening)
    assert "these 2 tasks together" in better
    assert "+0.070 [-0.030, +0.170]" in better
    assert "p = 0.0040" in better
    assert ("at one learning rate" in better) is (verdict != "undecided")
    assert "+0.300" in faster


def test_one_task_is_named_instead_of_counted() -> None:
    family = judged_together("better", "supported", 0.1, tasks=1, members="splice")
    (sentence,) = answer_of([family], []).together
    assert "on splice" in sentence
    assert "together" not in sentence


def test_several_models_are_named() -> None:
    families = [judged_together("better", "supported", 0.1),
                judged_together("better", "contradicted", -0.1, model="large")]  # fmt: skip
    first, second = answer_of(families, []).together
    assert "text model small" in first
    assert "text model large" in second


@pytest.mark.parametrize("setting", ["mapping", "fraction", "recipe"])
def test_families_of_one_model_are_told_apart_by_what_varies(setting: str) -> None:
    families = [judged_together("better", "supported", 0.1, **{setting: "first"}),
                judged_together("better", "undecided", 0.0, **{setting: "second"})]  # fmt: skip
    described = describe_families(table(families, FAMILIES))
    for first, second in (answer_of(families, []).together, described):
        assert f"{setting} first" in first
        assert f"{setting} second" in second


def test_nothing_compared_is_said() -> None:
    (sentence,) = answer_of([], []).together
    assert sentence.startswith("Not tested")


def test_a_family_without_a_task_to_judge_says_why() -> None:
    family = judged_together("better", "undecided", float("nan"), tasks=0,
                             left_out="splice: 3 replicates diverged")  # fmt: skip
    (sentence,) = answer_of([family], []).together
    assert "splice: 3 replicates diverged" in sentence


def test_a_task_has_both_arms_the_difference_and_the_baseline() -> None:
    claim = judged("better", "supported", 0.2, qualifier="at one learning rate")
    (task,) = answer_of([], [claim]).tasks
    assert re.findall(r"[+-]?0\.\d+", task.sentence) == [
        "0.900", "0.700", "+0.200", "+0.100", "+0.300", "0.950",
    ]  # fmt: skip
    assert "at one learning rate" in task.sentence
    assert "text model 0.900, random weights 0.700" in task.sentence
    assert "n-grams" in task.sentence


def test_the_baseline_is_the_one_of_the_same_fraction() -> None:
    matrix = [*MATRIX_ROWS, {**MATRIX_ROWS[-1], "fraction": "0.1", "mean": 0.5},
              scored(0.6, fraction="0.1")]  # fmt: skip
    claims = [judged("better", "supported", 0.2), judged("better", "undecided", 0.1,
              fraction="0.1")]  # fmt: skip
    whole, tenth = answer_of([], claims, matrix).tasks
    assert "n-grams 0.950" in whole.sentence
    assert "n-grams 0.500" in tenth.sentence


def test_both_means_are_those_of_the_matrix_where_replicates_diverged() -> None:
    """The difference is over the pairs that are left, the means are over all that finished."""
    claim = judged("better", "undecided", 0.15, reason="1 replicate diverged", n=2)
    (task,) = answer_of([], [claim]).tasks
    assert re.findall(r"[+-]?0\.\d+", task.sentence)[:3] == ["0.900", "0.700", "+0.150"]


def test_settings_that_vary_within_a_task_are_named() -> None:
    matrix = [*MATRIX_ROWS, scored(0.8, mapping="frequency")]
    claims = [judged("better", "supported", 0.2), judged("better", "supported", 0.1,
              mapping="frequency")]  # fmt: skip
    names = [task.task for task in answer_of([], claims, matrix).tasks]
    assert names == ["splice · random", "splice · frequency"]


def test_what_more_replicates_would_decide_comes_with_the_option() -> None:
    (sentence,) = answer_of([], [undecided(0.05, 0.05)]).settle
    replicates = int(re.findall(r"replicates=(\d+)", sentence)[0])
    assert 8 < replicates <= 20


def test_what_only_more_test_items_would_decide_says_so() -> None:
    (sentence,) = answer_of([], [undecided(0.05, 0.05, items_error=0.05)]).settle
    assert "replicates=" not in sentence
    assert "splice (300)" in sentence


def test_test_items_that_share_groups_are_counted_with_them() -> None:
    (sentence,) = answer_of([], [{**undecided(0.05, 0.05, items_error=0.05), "groups": 12}]).settle
    assert "splice (300 in 12 groups)" in sentence


def test_scatter_of_seeds_is_not_blamed_on_test_items() -> None:
    (sentence,) = answer_of([], [undecided(0.002, 0.05, items_error=1e-5)]).settle
    assert "more than 20 replicates" in sentence


def test_a_small_difference_needs_more_than_the_table_of_power_shows() -> None:
    (sentence,) = answer_of([], [undecided(0.01, 0.05)]).settle
    assert "more than 20 replicates" in sentence


def test_the_terminal_shows_every_part() -> None:
    families = [judged_together("better", "undecided", 0.05)]
    lines = [*print_answer(answer_of(families, [undecided(0.05, 0.05)]))]
    assert lines[0].startswith("Inconclusive")
    assert lines[1].startswith("  splice: undecided")
    assert "replicates=" in lines[2]
    assert pd.notna(lines).all()
