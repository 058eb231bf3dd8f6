"""A task's errors as texts: classes, confusions, shortened sequences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.evaluation.tables import SCORE_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.reporting.task_errors import (
    MOST_CLASSES,
    MOST_CONFUSIONS,
    SYMBOLS,
    errors_of_tasks,
    show_confusions,
    show_errors,
)
from polymath.util.storage import write_table
from support.evidence import write_predictions

ARM = Condition("odd", "small", "pretrained", "random", "1", "default")
RECORDS = pa.schema([("id", pa.string()), ("sequence", pa.string())])


def write_task(
    results: ResultPaths, logits: Sequence[float] = (-1.0, 1.0), **metadata: str
) -> Path:
    """Write the scores, predictions and records of a task with one error, `bad`.

    Args:
        logits: the answer to `bad`.
    """
    rows = [{"replicate": 0, "split": "test", "id": name, "item": name, "label": "no",
             "logits": answer}
            for name, answer in (("good", [3.0, -1.0]), ("bad", [*logits]))]  # fmt: skip
    write_predictions(rows, results.predictions(ARM), **{**ARM.columns, **metadata})
    scores = {**ARM.columns, "split": "dev", "headline": True, "value": 0.5, "replicate": 0}
    table = pd.DataFrame([scores], columns=SCORE_SCHEMA.names)
    write_table(table, results.scores("odd"), SCORE_SCHEMA, {})
    records = pd.DataFrame({"id": ["good", "bad"], "sequence": ["ACGT", "T" * (SYMBOLS + 1)]})
    write_table(records, results.records("odd"), RECORDS, {})
    return results.scores("odd")


def test_a_task_has_its_confusions_classes_and_errors(tmp_path: Path) -> None:
    results = ResultPaths(tmp_path)
    (errors,) = errors_of_tasks([write_task(results)], results)
    assert (errors.task, errors.replicates) == ("odd", 1)
    assert errors.arm.startswith("small · pretrained")
    confusions, classes, surest = errors.tables.values()
    assert confusions.to_numpy().tolist() == [["no", "1", "1"], ["yes", "0", "0"]]
    assert classes.to_numpy().tolist() == [
        ["no", "1.000", "0.500", "0.667", "2"], ["yes", "0.000", "–", "–", "0"],
    ]  # fmt: skip
    assert surest.to_numpy().tolist() == [["bad", "T" * SYMBOLS + "…", "no", "yes", "0.881"]]


def test_a_task_without_errors_has_no_empty_table(tmp_path: Path) -> None:
    results = ResultPaths(tmp_path)
    scores = write_task(results, logits=[3.0, -1.0])
    (errors,) = errors_of_tasks([scores], results)
    assert [len(table) for table in errors.tables.values()] == [2, 2]


def test_a_task_of_sets_has_scores_per_label_and_the_surest_wrong_labels(tmp_path: Path) -> None:
    results = ResultPaths(tmp_path)
    scores = write_task(results, type="multi-label", label_separator=";", metric="micro_f1")
    (errors,) = errors_of_tasks([scores], results)
    labels, surest = errors.tables.values()
    assert labels.to_numpy().tolist() == [
        ["no", "1.000", "0.500", "0.667", "–", "2"], ["yes", "0.000", "–", "–", "–", "0"],
    ]  # fmt: skip
    assert surest.drop(columns="sequence").to_numpy().tolist() == [
        ["bad", "no", "yes", "no", "0.731"], ["bad", "no", "yes", "yes", "0.731"],
    ]  # fmt: skip


def test_a_task_of_which_nothing_finished_has_no_errors(tmp_path: Path) -> None:
    results = ResultPaths(tmp_path)
    write_table(pd.DataFrame(columns=SCORE_SCHEMA.names), results.scores("odd"), SCORE_SCHEMA, {})
    assert errors_of_tasks([results.scores("odd")], results) == []


def test_of_many_classes_the_commonest_confusions_are_listed() -> None:
    labels = [f"c{number}" for number in range(MOST_CLASSES + 1)]
    counts = np.diag(np.full(len(labels), 9))
    counts[3, 5], counts[5, 3] = 2, 4
    _, table = show_confusions(counts, labels)
    assert table.to_numpy().tolist() == [["c5", "c3", "4"], ["c3", "c5", "2"]]
    _, whole = show_confusions(np.ones_like(counts), labels)
    assert len(whole) == MOST_CONFUSIONS


def test_both_sequences_of_a_pair_are_shown_and_values_are_rounded(tmp_path: Path) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("id", "sequence", "sequence2")])
    records = pd.DataFrame({"id": ["x"], "sequence": ["AC"], "sequence2": ["GT"]})
    write_table(records, tmp_path / "records.parquet", schema, {})
    errors = pd.DataFrame({"id": ["x"], "label": [1.0], "prediction": [1.23456]})
    shown = show_errors(errors, tmp_path / "records.parquet")
    assert [*shown.columns] == ["id", "sequence", "sequence2", "label", "prediction"]
    assert shown.to_numpy().tolist() == [["x", "AC", "GT", "1", "1.235"]]
