"""AUC beside a score that depends on a threshold, and arms that predict one class."""

import re

import pandas as pd
import pytest

from polymath.reporting.answer import answer_in_words
from polymath.reporting.auc import (
    TITLE,
    describe_disagreement,
    describe_one_class,
    format_auc_difference,
    limits_of_thresholds,
    list_disagreements,
)
from polymath.reporting.claims_page import claim_table
from polymath.reporting.html.content import answer_claims
from polymath.reporting.matrix import matrix_table
from polymath.reporting.paper_tables import differences_table, scores_table
from support.figures import CONDITION
from support.report import judged, judged_together, scored
from support.tables import table


def compared(score: float, auc: float, width: float = 0.02, **changes: object) -> dict[str, object]:
    """Return a claim on scores whose two intervals have the same half-width."""
    row = judged("better", "undecided", score, low=score - width, high=score + width,
                 auc_difference=auc, auc_difference_low=auc - width,
                 auc_difference_high=auc + width)  # fmt: skip
    return {**row, **changes}


@pytest.mark.parametrize(
    ("score", "auc", "words"),
    [
        (0.17, 0.011, "threshold alone"),
        (0.01, 0.1, "may hide it"),
        (0.1, -0.1, "opposite directions"),
        (0.01, -0.01, "neither"),
        (0.1, 0.1, ""),
        (0.01, 0.01, ""),
        (0.1, float("nan"), ""),
    ],
)
def test_scores_and_auc_disagree_in_sign_or_in_whether_their_intervals_exclude_zero(
    score: float, auc: float, words: str
) -> None:
    text = describe_disagreement(compared(score, auc))
    assert words in text
    assert bool(text) == bool(words)
    assert describe_disagreement(compared(-score, -auc)) == text


def test_claims_of_older_runs_have_no_auc_to_disagree_with() -> None:
    assert not describe_disagreement(judged("better", "supported", 0.2))


def test_disagreements_are_listed_once_with_their_tasks() -> None:
    rows = [compared(0.17, 0.01), compared(0.2, 0.01, task="amp"), compared(0.2, 0.2, task="h3")]
    claims = table(rows, "claims")
    (sentence,) = list_disagreements(claims)
    assert sentence.startswith("On splice, amp ")
    (answer,) = answer_claims(
        claims, table([judged_together("better", "supported", 0.1)], "families")
    )
    assert sentence in answer.sentences


def test_verdicts_and_differences_have_auc_beside_the_score() -> None:
    shown = claim_table(table([compared(0.17, 0.011)], "claims"))
    assert shown[TITLE].tolist() == ["+0.011 [-0.009, +0.031]"]
    assert TITLE not in claim_table(table([judged("better", "supported", 0.2)], "claims"))
    row = {**CONDITION, **compared(0.17, 0.011), "against": "scratch", "reference_model": ""}
    assert differences_table(table([row], "comparisons"))["AUC"].tolist() == [
        "+0.011 [-0.009, +0.031]"
    ]


MATRIX_ROWS = [
    scored(0.69, auc=0.759, auc_low=0.74, auc_high=0.77),
    scored(0.52, auc=0.748, auc_low=0.73, auc_high=0.76, init="scratch", one_class=2),
    scored(0.5, model="majority", init="none", mapping="none", recipe="none", one_class=3),
]


def test_a_task_has_the_auc_of_both_arms_and_which_predicts_one_class() -> None:
    claims = table([compared(0.17, 0.011)], "claims")
    answer = answer_in_words(table([], "families"), claims, table(MATRIX_ROWS, "matrix"))
    sentence = answer.tasks[0].sentence
    assert re.findall(r"AUC (0\.\d+) and (0\.\d+)", sentence) == [("0.759", "0.748")]
    (row,) = claims.to_dict("records")
    assert f"{format_auc_difference(row)}: {describe_disagreement(row)}" in sentence
    one_class = describe_one_class(MATRIX_ROWS[1])
    assert "2 of 3" in one_class
    assert f"random weights: {one_class}" in sentence
    assert sentence.count("predicts one class") == 1


def test_the_class_that_a_metric_is_of_is_named() -> None:
    rows = [{**row, "metric": "f1", "positive": "EI"} for row in MATRIX_ROWS]
    matrix = table(rows, "matrix")
    claims = table([judged("better", "undecided", 0.1)], "claims")
    answer = answer_in_words(table([], "families"), claims, matrix)
    assert "F1 (of class 'EI')" in answer.tasks[0].sentence
    assert scores_table(matrix)["metric"].tolist() == ["f1 (EI)"]


def test_the_matrix_shows_auc_and_counts_replicates_that_predict_one_class() -> None:
    shown = matrix_table(table(MATRIX_ROWS, "matrix"))
    assert shown["AUC [95 %]"].tolist()[:2] == ["0.759 [0.740, 0.770]", "0.748 [0.730, 0.760]"]
    assert shown["predict one class"].tolist() == ["–", "2", "–"]
    older = table([scored(0.7)], "matrix").drop(columns=["auc", "one_class", "positive"])
    assert not {"AUC [95 %]", "predict one class"} & {*matrix_table(older)}


@pytest.mark.parametrize(
    ("auc_low", "learned"), [(0.73, True), (0.49, False), (float("nan"), False)]
)
def test_little_was_learned_only_where_auc_agrees(auc_low: float, learned: bool) -> None:
    matrix = table([scored(0.52, auc=0.75, auc_low=auc_low)], "matrix")
    (line,) = limits_of_thresholds(matrix)
    assert ("little or nothing" in line) is not learned
    assert ("threshold is off" in line) is learned
    assert line.endswith("(splice).") or "(splice)" in line


def test_limits_name_each_arm_that_predicts_one_class_but_no_constant_baseline() -> None:
    lines = [*limits_of_thresholds(table(MATRIX_ROWS, "matrix"))]
    named = [line for line in lines if "predicts one class" in line]
    assert len(named) == 1
    assert "small scratch random default" in named[0]


def test_tables_without_auc_decide_by_the_score_alone() -> None:
    older: pd.DataFrame = table([scored(0.52)], "matrix").drop(columns=["auc_low", "one_class"])
    assert "little or nothing" in next(limits_of_thresholds(older))
