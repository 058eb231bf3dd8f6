"""The answer in sentences: verdicts with qualifiers and numbers, and what would settle them."""

import re

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.mean_test import POWER
from polymath.reporting.answer import (
    TOGETHER,
    AnswerInWords,
    answer_in_words,
    describe_families,
    print_answer,
)
from polymath.reporting.power import power_of
from polymath.reporting.rerun import Rerun
from polymath.reporting.task_answer import ALONE, ONE_CLASS, PERFECT, UNLEARNED
from support.report import MATRIX_ROWS, judged, judged_together, scored
from support.tables import table


def answer_of(
    families: list[dict[str, object]],
    claims: list[dict[str, object]],
    matrix: list[dict[str, object]] = MATRIX_ROWS,
) -> AnswerInWords:
    return answer_in_words(
        table(families, "families"), table(claims, "claims"), table(matrix, "matrix")
    )


def settle_of(answer: AnswerInWords) -> str:
    (task,) = answer.tasks
    return task.settle


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
    described = describe_families(table(families, "families"))
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
        "0.900", "0.700", "0.950", "0.500", "+0.200", "+0.100", "+0.300",
    ]  # fmt: skip
    assert "at one learning rate" in task.sentence
    assert "text model 0.900, random weights 0.700" in task.sentence
    assert "n-grams (best baseline) 0.950" in task.sentence
    assert "always the commonest class 0.500" in task.sentence


def test_the_baseline_is_the_one_of_the_same_fraction() -> None:
    matrix = [*MATRIX_ROWS, {**MATRIX_ROWS[-1], "fraction": "0.1", "mean": 0.5},
              scored(0.6, fraction="0.1")]  # fmt: skip
    claims = [judged("better", "supported", 0.2), judged("better", "undecided", 0.1,
              fraction="0.1")]  # fmt: skip
    whole, tenth = answer_of([], claims, matrix).tasks
    assert "n-grams (best baseline) 0.950" in whole.sentence
    assert "n-grams (best baseline) 0.500" in tenth.sentence


def test_both_means_are_those_of_the_matrix_where_replicates_diverged() -> None:
    """The difference is over the pairs that are left, the means are over all that finished."""
    claim = judged("better", "undecided", 0.15, reason="1 replicate diverged", n=2)
    (task,) = answer_of([], [claim]).tasks
    assert "text model 0.900, random weights 0.700" in task.sentence
    assert "difference +0.150" in task.sentence


def test_settings_that_vary_within_a_task_are_named() -> None:
    matrix = [*MATRIX_ROWS, scored(0.8, mapping="frequency")]
    claims = [judged("better", "supported", 0.2), judged("better", "supported", 0.1,
              mapping="frequency")]  # fmt: skip
    names = [task.task for task in answer_of([], claims, matrix).tasks]
    assert names == ["splice · random", "splice · frequency"]


def test_what_more_replicates_would_decide_comes_with_the_option() -> None:
    sentence = settle_of(answer_of([], [undecided(0.05, 0.05)]))
    replicates = int(re.findall(r"replicates=(\d+)", sentence)[0])
    assert 8 < replicates <= 20


def test_the_terminal_shows_every_part() -> None:
    families = [judged_together("better", "undecided", 0.05)]
    two = [undecided(0.05, 0.05), judged("better", "supported", 0.2, task="stability")]
    lines = [*print_answer(answer_of(families, two))]
    assert lines[0].startswith("Inconclusive")
    assert lines[1].startswith(f"  splice: {ALONE['undecided']}")
    assert "replicates=" in lines[2]
    assert lines[3].startswith(f"  stability: {ALONE['supported']}")
    assert len(lines) == 4
    assert pd.notna(lines).all()


def test_a_task_that_is_alone_has_its_line_first_and_its_own_verdicts() -> None:
    families = [judged_together(claim, "undecided", 0.05, tasks=1, members="splice")
                for claim in ("better", "faster")]  # fmt: skip
    claims = [undecided(0.05, 0.05), judged("faster", "supported", 0.3, reason="p = 0.0200")]
    score, settle, speed = print_answer(answer_of(families, claims))
    assert score.startswith(f"  splice: {ALONE['undecided']}")
    assert "replicates=" in settle
    assert speed.startswith(TOGETHER["faster", "supported"].format(Where="On splice", model=""))
    assert "+0.300 [+0.200, +0.400]" in speed
    assert "p = 0.0200" in speed


def test_a_family_names_its_model_beside_one_of_a_single_task() -> None:
    families = [judged_together("better", "supported", 0.1),
                judged_together("better", "undecided", 0.1, tasks=1, members="splice",
                                model="large")]  # fmt: skip
    (sentence,) = answer_of(families, [judged("better", "supported", 0.2)]).together
    assert "text model small" in sentence


def test_text_as_it_is_is_the_first_line_of_its_task() -> None:
    matrix = [*MATRIX_ROWS, scored(0.99, mapping="identity"),
              scored(0.6, mapping="identity", init="scratch")]  # fmt: skip
    claims = [judged("better", "undecided", 0.2, reason="p = 0.2"),
              judged("as it is", "supported", 0.39, mapping="identity")]  # fmt: skip
    unchanged, moved = answer_of([], claims, matrix).tasks
    assert "as it is" not in moved.task
    assert unchanged.task == "splice · text as it is"
    assert "text model 0.990, random weights 0.600" in unchanged.sentence
    assert unchanged.sentence.startswith(ALONE["supported"])


def test_a_baseline_that_ends_higher_is_part_of_the_verdict() -> None:
    (task,) = answer_of([], [judged("better", "supported", 0.2)]).tasks
    assert task.sentence.startswith(f"{ALONE['supported']}, but n-grams ")
    constant = [*MATRIX_ROWS[:4], {**MATRIX_ROWS[4], "model": "majority"}]
    (task,) = answer_of([], [judged("better", "supported", 0.2)], constant).tasks
    assert task.sentence.startswith(f"{ALONE['supported']}, but majority ")
    lower = [*MATRIX_ROWS[:4], {**MATRIX_ROWS[4], "mean": 0.8}]
    (task,) = answer_of([], [judged("better", "supported", 0.2)], lower).tasks
    assert "but n-grams" not in task.sentence


def test_few_test_items_are_named_as_such() -> None:
    (few,) = answer_of([], [judged("better", "supported", 0.2, items=14)]).tasks
    assert re.findall(r"14 test items, .*few.* (0\.\d+)", few.sentence) == ["0.071"]
    (many,) = answer_of([], [judged("better", "supported", 0.2, items=1400)]).tasks
    assert "few" not in many.sentence


def test_an_interval_without_width_is_not_shown() -> None:
    claim = judged("better", "undecided", 0.2, low=0.2, high=0.2, reason="the pairs do not vary")
    (task,) = answer_of([], [claim]).tasks
    assert "difference +0.200." in task.sentence


def test_minutes_and_the_command_are_those_of_the_run() -> None:
    rerun = Rerun(["--configfile", "my data.yaml", "--replace-workflow-config"])
    claims = table([undecided(0.05, 0.05)], "claims")
    matrix = table(MATRIX_ROWS, "matrix")
    answer = answer_in_words(table([], "families"), claims, matrix, {"splice": 4.25}, rerun)
    assert "4.2 minutes" in answer.tasks[0].sentence
    command = "snakemake --cores all --configfile 'my data.yaml' --replace-workflow-config --config"
    assert command in settle_of(answer)


@pytest.mark.parametrize(
    ("row", "changes", "remedy"),
    [
        (undecided(0.05, 0.05), {"n": 1, "p": None}, "replicates=5"),
        (undecided(0.05, 0.05), {"reason": "1 replicate diverged"}, "clip_norm"),
        (undecided(0.05, 0.05), {"reason": "neither arm left chance level"}, "steps"),
        (undecided(0.05, 0.05), {"n": 4, "reason": "crossed replicates share seeds"}, "crossed"),
        (undecided(0.05, 0.05), {"n": 3, "reason": "fewer than two groups of test items"}, "split"),
        (undecided(0.05, 0.05, items_error=0.05), {}, "300 test items,"),
        (undecided(0.05, 0.05, items_error=0.05), {"groups": 12}, "300 test items in 12 groups"),
        # Scatter of seeds is not blamed on test items.
        (undecided(0.002, 0.05, items_error=1e-5), {}, "more than 20 replicates"),
        (undecided(0.01, 0.05), {}, "more than 20 replicates"),
    ],
)
def test_each_reason_has_its_remedy(
    row: dict[str, object], changes: dict[str, object], remedy: str
) -> None:
    sentence = settle_of(answer_of([], [{**row, **changes}]))
    assert remedy in sentence
    assert ("replicates=" in sentence) == ("replicates=" in remedy)


def test_no_test_set_larger_than_half_of_the_data_is_advised() -> None:
    claims = table([undecided(0.05, 0.05, items_error=0.05)], "claims")

    def advice(records: int) -> str:
        counts = {"splice": records}
        matrix = table(MATRIX_ROWS, "matrix")
        return settle_of(answer_in_words(table([], "families"), claims, matrix, records=counts))

    def power(items: float) -> float:
        times = items / row["items"]
        error, df = row["shared_error"] / times**0.5, row["shared_df"] * times
        return power_of({**row, "shared_error": error, "shared_df": df}, replicates)

    (row,) = claims.to_dict("records")
    ((items, count),) = re.findall(r"About ([0-9,]+) test items and (\d+) repl", advice(10**6))
    needed, replicates = int(items.replace(",", "")), int(count)
    assert len(str(needed).rstrip("0")) <= 2
    assert power(needed / 1.4) < POWER < power(needed * 1.1)
    enough = 2 * needed
    assert "`split`" in advice(enough)
    assert "`split`" not in advice(enough - 2)
    assert f"{enough - 2:,} records" in advice(enough - 2)


@pytest.mark.parametrize(("auc_low", "idle"), [(0.46, True), (0.7, False)])
def test_a_task_that_no_arm_learned_is_not_blamed_on_the_test_set(
    auc_low: float, idle: bool
) -> None:
    arm = {"low": 0.45, "chance": 0.5, "auc": 0.75, "auc_low": auc_low, "auc_high": 0.8}
    matrix = [scored(0.54, **arm), scored(0.52, init="scratch", **{**arm, "auc_low": 0.4})]
    (task,) = answer_of([], [undecided(0.02, 0.001, items_error=0.05)], matrix).tasks
    assert (UNLEARNED.why in task.sentence) is idle
    assert ("test items" in task.settle) is not idle
    assert (UNLEARNED.remedy in task.settle) is idle


def test_a_test_set_of_one_class_is_not_blamed_on_training() -> None:
    matrix = [scored(1.0, chance=1.0), scored(1.0, init="scratch", chance=1.0)]
    (task,) = answer_of([], [undecided(0.0, 0.0)], matrix).tasks
    assert ONE_CLASS.why in task.sentence
    assert ONE_CLASS.remedy in task.settle


def test_two_perfect_arms_need_harder_items_and_no_more_replicates() -> None:
    matrix = [scored(1.0), scored(1.0, init="scratch")]
    (task,) = answer_of([], [undecided(0.0, 0.0)], matrix).tasks
    assert PERFECT.why in task.sentence
    assert PERFECT.remedy in task.settle
    (imperfect,) = answer_of([], [undecided(0.0, 0.0)], [scored(1.0), *MATRIX_ROWS[1:]]).tasks
    assert PERFECT.why not in imperfect.sentence
    assert PERFECT.remedy not in imperfect.settle


def test_the_number_of_test_items_that_would_decide_decides() -> None:
    row = undecided(0.05, 0.001, items_error=0.05)
    needed = re.search(r"About ([\d,]+) test items", settle_of(answer_of([], [row])))
    assert needed is not None
    items = int(needed[1].replace(",", ""))
    error = 0.05 * (300 / items) ** 0.5
    assert 2.8 < 0.05 / error < 3.6  # 80 % power at 5 % needs 2.8 standard errors
