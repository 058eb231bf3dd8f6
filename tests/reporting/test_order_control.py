"""What the report says of shuffled sequences."""

import pandas as pd

from polymath.reporting.answer import answer_in_words
from polymath.reporting.matrix import arrange_matrix
from polymath.reporting.order_control import describe_order, order_table, without_shuffled_tests
from support.report import MATRIX_ROWS, judged, scored
from support.tables import table

SHUFFLED = {"recipe": "default+shuffled-input"}
ROWS = [
    scored(0.9),
    scored(0.6, **SHUFFLED),
    scored(0.7, recipe="default+shuffled-training"),
    scored(0.5, init="scratch"),
    scored(0.5, init="scratch", **SHUFFLED),
    scored(0.8, task="amp"),
    scored(0.95, model="ngram", init="none", mapping="none", recipe="none"),
]


def test_the_share_of_the_score_above_chance_that_is_left() -> None:
    rows = order_table(table(ROWS, "matrix")).set_index("init")
    assert list(rows["left, tested on shuffled"]) == ["25%", "–"], "scratch is at chance as it is"
    assert rows.loc["pretrained", "left, trained on shuffled"] == "50%"
    assert rows.loc["scratch", "trained on shuffled"] == "–"
    assert "task" in rows
    assert "amp" not in set(rows["task"])
    assert "mapping" not in rows, "it does not vary"


def test_no_share_is_told_of_a_score_whose_interval_reaches_chance() -> None:
    barely = [{**scored(0.51), "low": 0.49, "high": 0.53}, scored(0.6, **SHUFFLED)]
    assert list(order_table(table(barely, "matrix"))["left, tested on shuffled"]) == ["–"]
    assert describe_order(table(barely, "matrix")) == []


def test_baselines_stand_beside_models_on_sequences_as_they_are_alone() -> None:
    cells = arrange_matrix(table(ROWS, "matrix"))
    rows = cells[cells["column"] == "n-grams"]["recipe"]
    assert [*rows] == ["default"]
    claims = [judged("better", "supported", 0.1, recipe=recipe)
              for recipe in ("default", SHUFFLED["recipe"])]  # fmt: skip
    answer = answer_in_words(table([], "families"), table(claims, "claims"), table(ROWS, "matrix"))
    assert ["n-grams" in task.sentence for task in answer.tasks] == [True, False]


def test_a_sentence_per_task_names_each_arms_share() -> None:
    (sentence,) = describe_order(table(ROWS, "matrix"))
    assert sentence.startswith("splice: ")
    assert "25% (pretrained)" in sentence
    assert "50% (pretrained)" in sentence
    assert "tested on shuffled" in sentence


def test_of_many_arms_a_sentence_has_the_range() -> None:
    rows = [
        scored(
            0.9 if recipe == "default" else 0.6 + 0.02 * number, recipe=recipe, model=f"m{number}"
        )
        for number in range(6)
        for recipe in ("default", SHUFFLED["recipe"])
    ]
    (sentence,) = describe_order(table(rows, "matrix"))
    assert "25% to 50% (6 arms)" in sentence


def test_without_a_shuffled_condition_there_is_nothing_to_say() -> None:
    plain = table(MATRIX_ROWS, "matrix")
    assert not len(order_table(plain))
    assert describe_order(plain) == []
    pd.testing.assert_frame_equal(without_shuffled_tests(plain), plain)


def test_what_is_only_tested_is_no_training_run() -> None:
    kept = without_shuffled_tests(table(ROWS, "matrix"))
    assert "default+shuffled-input" not in set(kept["recipe"])
    assert len(kept) == len(ROWS) - 2
