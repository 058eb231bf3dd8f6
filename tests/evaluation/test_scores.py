"""Predictions to scores: windows vote, and every replicate, split and metric has its row."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from polymath.evaluation.arrays import Floats
from polymath.evaluation.predictions import score_items, vote
from polymath.evaluation.scores import (
    evaluate,
    find_curves,
    require_scored,
    score_condition,
    scored_conditions,
)
from polymath.evaluation.tables import SCORE_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.errors import PolymathError
from polymath.util.identity import describe
from polymath.util.storage import (
    made_from,
    read_metadata,
    read_table,
    write_table,
)
from support.evidence import write_predictions

CONDITION = Condition("splice", "minilm-l6", "pretrained", "random", "0.1", "default")


def as_logits(probabilities: list[list[float]]) -> Floats:
    """Return logits with these softmax probabilities, each row shifted by a constant."""
    shifts = np.arange(len(probabilities))[:, None]
    return np.log(np.array(probabilities)) + 3.0 * shifts


# Two of three windows say class 0, narrowly; the third says class 1, surely.
TORN = [[0.6, 0.4], [0.6, 0.4], [0.05, 0.95]]


def test_windows_vote_with_their_mean_probabilities_not_by_majority() -> None:
    items = np.array(["b", "a", "b", "a", "b", "c"])
    logits = as_logits([TORN[0], [0.9, 0.1], TORN[1], [0.7, 0.3], TORN[2], [0.2, 0.8]])
    names, outputs = vote(items, logits, "classification")
    assert names == ["b", "a", "c"]  # by first appearance, also where they are interleaved
    np.testing.assert_allclose(outputs, [[1.25 / 3, 1.75 / 3], [0.8, 0.2], [0.2, 0.8]])


def test_windows_of_a_value_are_averaged_as_they_are() -> None:
    items = np.array(["a", "b", "a"])
    names, outputs = vote(items, np.array([[1.0], [10.0], [4.0]]), "regression")
    assert names == ["a", "b"]
    np.testing.assert_allclose(outputs, [[2.5], [10.0]])


def test_targets_follow_their_items_through_the_vote() -> None:
    items = np.array(["z", "a", "z", "m"])
    logits = as_logits([[0.1, 0.9], [0.8, 0.2], [0.2, 0.8], [0.9, 0.1]])
    targets = np.array([1.0, 0.0, 1.0, 0.0])
    assert score_items(items, targets, logits, "classification", "accuracy") == 1.0


def write(
    rows: list[dict[str, Any]], path: Path, diverged: dict[str, Any] | None = None, **metadata: Any
) -> Path:
    """Write a condition's predictions; most of training is of the last of two classes."""
    stated: dict[str, Any] = {"domain": "dna", "train_majority": 1, "learning_rate": 1e-4,
                              "crossed": {}}  # fmt: skip
    return write_predictions(
        rows, path, diverged=diverged or {}, **CONDITION.columns, **stated, **metadata
    )


def one_row(replicate: int, split: str, item: str, label: object, *logits: float) -> dict[str, Any]:
    return {"replicate": replicate, "split": split, "id": f"{item}:{logits}", "item": item,
            "label": label, "logits": list(logits)}  # fmt: skip


CLASSES = [
    # Replicate 0: item a is torn between its windows and ends right, b is wrong.
    *(one_row(0, "test", "a", "yes", *row) for row in as_logits(TORN)),
    one_row(0, "test", "b", "no", 0.0, 1.0),
    one_row(0, "dev", "c", "no", 2.0, 1.0),
    # Replicate 1 is right in all.
    *(one_row(1, "test", "a", "yes", 0.0, 1.0) for _ in range(3)),
    one_row(1, "test", "b", "no", 1.0, 0.0),
    one_row(1, "dev", "c", "no", 2.0, 1.0),
]


def test_evaluation_scores_every_replicate_split_and_metric(tmp_path: Path) -> None:
    predictions = write(CLASSES, tmp_path / "predictions.parquet")
    table = score_condition(predictions, "mcc")
    assert list(table.columns) == SCORE_SCHEMA.names
    assert len(table) == 2 * 2 * 7
    assert set(table.loc[table["headline"], "metric"]) == {"mcc"}
    assert {name: set(table[name]) for name in CONDITION.columns} == {
        name: {value} for name, value in CONDITION.columns.items()
    }
    assert set(table["domain"]) == {"dna"}
    indexed = table.set_index(["replicate", "split", "metric"])
    assert indexed.loc[(0, "test", "accuracy"), "value"] == 0.5
    assert indexed.loc[(1, "test", "accuracy"), "value"] == 1.0
    assert indexed.loc[(0, "dev", "accuracy"), "value"] == 1.0
    assert indexed.loc[(0, "test", "accuracy"), "items"] == 2
    # Always "yes": one item of two on test (a has three windows and counts once), none on dev.
    assert indexed.loc[(0, "test", "accuracy"), "chance"] == 0.5
    assert indexed.loc[(0, "dev", "accuracy"), "chance"] == 0.0


def test_the_scores_of_a_task_are_those_of_its_conditions_one_after_the_other(
    tmp_path: Path,
) -> None:
    first = write(CLASSES, tmp_path / "first.parquet")
    ended = {"2": {"step": 57, "dev_score": 0.25}}
    second = write(CLASSES, tmp_path / "second.parquet", ended)
    said: list[str] = []
    evaluate([first, second], "accuracy", tmp_path / "scores.parquet", said.append)
    table = read_table(tmp_path / "scores.parquet")
    expected = pd.concat([score_condition(path, "accuracy") for path in (first, second)])
    pd.testing.assert_frame_equal(table, expected.reset_index(drop=True), check_dtype=False)
    assert [line for line in said if "NOTE" not in line] == [
        f"{CONDITION.title}: test accuracy 0.500, 1.000",
        f"{CONDITION.title}: test accuracy 0.500, 1.000, diverged",
    ]
    assert "code_version" in read_metadata(tmp_path / "scores.parquet")


def test_the_positive_class_is_the_one_named_or_the_rarer_one_in_training(tmp_path: Path) -> None:
    path = write(CLASSES, tmp_path / "predictions.parquet")
    for named, expected in ((None, "no"), ("yes", "yes")):  # most of training is "yes"
        table = score_condition(path, "f1", named)
        assert set(table["positive"]) == {expected}
        test = table[(table["split"] == "test") & (table["replicate"] == 0)].set_index("metric")
        # Replicate 0 answers "yes" to both items.
        assert test.loc["f1", "value"] == pytest.approx(0 if expected == "no" else 2 / 3)


def test_an_arm_that_predicts_one_class_and_scores_that_are_missing_are_said(
    tmp_path: Path,
) -> None:
    path = write(CLASSES, tmp_path / "predictions.parquet")
    lines: list[str] = []
    evaluate([path], "accuracy", tmp_path / "scores.parquet", lines.append)
    assert any("predicts one class" in line and "1 of 2" in line for line in lines)
    table = read_table(tmp_path / "scores.parquet")
    assert set(table.loc[table["split"] == "test", "answers"]) == {1, 2}
    dev = table[(table["split"] == "dev") & (table["metric"] == "roc_auc")]
    assert dev["value"].isna().all()  # dev has one item
    same = [row for row in CLASSES if row["label"] == "yes" or row["split"] == "dev"]
    path = write(same, tmp_path / "same.parquet")
    evaluate([path], "accuracy", tmp_path / "scores.parquet", lines.append)
    assert "roc_auc" in lines[-1]
    assert "missing" in lines[-1]


def test_the_default_headline_is_the_one_that_training_chose(tmp_path: Path) -> None:
    path = write(CLASSES, tmp_path / "predictions.parquet", metric="macro_f1")
    scored = score_condition(path, "default")
    assert set(scored.loc[scored["headline"], "metric"]) == {"macro_f1"}


def test_a_diverged_replicate_has_its_last_dev_score_and_its_step(tmp_path: Path) -> None:
    path = write(CLASSES, tmp_path / "predictions.parquet",
                             {"2": {"step": 57, "dev_score": 0.25}})  # fmt: skip
    table = score_condition(path, "accuracy").set_index(["replicate", "split", "metric"])
    assert len(table) == 3 * 2 * 7
    assert set(table.loc[2, "diverged_at"]) == {57}
    assert table.loc[[0, 1], "diverged_at"].isna().all()
    assert table.loc[(2, "dev", "accuracy"), "value"] == 0.25
    assert table.loc[2, "value"].notna().sum() == 1


def test_a_condition_that_diverged_throughout_is_scored_all_the_same(tmp_path: Path) -> None:
    ended = {str(number): {"step": 1, "dev_score": None} for number in range(2)}
    path = write([], tmp_path / "predictions.parquet", ended)
    table = score_condition(path, "accuracy")
    assert len(table) == 2 * 2 * 7
    assert table["value"].isna().all()
    assert set(table["diverged_at"]) == {1}


def test_evaluation_of_a_regression_gives_spearman_over_items(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    targets = generator.normal(size=12)
    values = targets + generator.normal(size=12)
    rows = [
        one_row(0, split, f"{split}{number}", float(target), float(value + shift))
        for split in ("dev", "test")
        for number, (target, value) in enumerate(zip(targets, values, strict=True))
        for shift in (-5.0, 5.0)  # two windows, whose mean is the value
    ]
    predictions = write(rows, tmp_path / "predictions.parquet", task_type="regression")
    table = score_condition(predictions, "spearman")
    assert set(table["items"]) == {12}
    assert (table.loc[table["metric"] != "rmse", "chance"] == 0).all()
    by_metric = table.set_index("metric")["value"]
    assert set(by_metric.index) == {"spearman", "pearson", "r2", "rmse"}
    np.testing.assert_allclose(by_metric["spearman"], stats.spearmanr(targets, values).statistic)
    np.testing.assert_allclose(by_metric["pearson"], stats.pearsonr(targets, values).statistic)


def test_later_stages_find_each_trained_conditions_curves_through_its_scores(
    tmp_path: Path,
) -> None:
    ngram = replace(CONDITION, model="ngram", init="none", mapping="none", recipe="none")
    amp = replace(CONDITION, task="amp")
    tables = []
    for number, conditions in enumerate([[CONDITION, ngram], [amp]]):
        rows = [condition.columns for condition in conditions for _ in range(3)]
        tables.append(tmp_path / f"{number}.parquet")
        table = pd.DataFrame(rows, columns=SCORE_SCHEMA.names)
        write_table(table, tables[-1], SCORE_SCHEMA, {})
    scored = scored_conditions(tables)
    assert scored == [CONDITION, ngram, amp]
    results = ResultPaths(tmp_path)
    for condition in (CONDITION, amp):
        results.run(condition).mkdir(parents=True)
        results.curves(condition).touch()
    curves = find_curves(scored, results)
    assert curves == {condition: results.curves(condition) for condition in (CONDITION, amp)}
    curves[amp].unlink()
    with pytest.raises(PolymathError, match=r"curves\.parquet is missing: delete .*predictions"):
        find_curves(scored, results)


ASKED = {"job": {"recipe": {"steps": 30}, "seed": 1}, "code_version": 4}


def write_as_asked(path: Path, asked: dict[str, Any]) -> Path:
    with made_from(describe(asked, {})):
        return write(CLASSES, path)


def test_predictions_of_another_configuration_are_refused(tmp_path: Path) -> None:
    path = write_as_asked(tmp_path / "predictions.parquet", ASKED)
    scores = tmp_path / "scores.parquet"
    evaluate([path], "accuracy", scores, lambda _: None, [ASKED])
    other = {**ASKED, "job": {"recipe": {"steps": 3}, "seed": 1}}
    with pytest.raises(PolymathError, match=r"predictions\.parquet .*steps is 30, not 3"):
        evaluate([path], "accuracy", scores, lambda _: None, [other])


@pytest.mark.parametrize("changed", ["predictions", "curves"])
def test_what_was_not_scored_is_refused(tmp_path: Path, changed: str) -> None:
    results = ResultPaths(tmp_path)
    files = {"predictions": results.predictions(CONDITION), "curves": results.curves(CONDITION)}
    for file in files.values():
        write_as_asked(file, ASKED)
    scores = results.scores("splice")
    inputs = {"predictions": [files["predictions"]]}
    with made_from(describe({"code_version": 1}, inputs)):
        evaluate([files["predictions"]], "accuracy", scores, lambda _: None)
    require_scored([scores], results)
    write_as_asked(files[changed], {**ASKED, "code_version": 5})
    with pytest.raises(PolymathError, match="run the same command again"):
        require_scored([scores], results)
