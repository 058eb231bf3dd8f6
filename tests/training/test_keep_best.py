"""The models of a task's best arm stay, those of its others go."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.evaluation.tables import SCORE_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import REPLICATES_FOLDER, ResultPaths
from polymath.training.keep_best import keep_best
from polymath.util.storage import read_json, write_table

ARMS = {init: Condition("odd", "m", init, "random", "1", "tiny")
        for init in ("pretrained", "scratch")}  # fmt: skip
BASELINE = Condition("odd", "ngram", "none", "none", "1", "none")


def scored(condition: Condition, dev: float | None, test: float) -> list[dict[str, Any]]:
    """Two replicates of a condition, and a metric that is not the headline."""
    return [
        {**condition.columns, "replicate": replicate, "split": split, "metric": metric,
         "headline": metric == "accuracy", "value": value if metric == "accuracy" else 1.0,
         "diverged_at": None}
        for replicate in (0, 1)
        for split, value in (("dev", dev), ("test", test))
        for metric in ("accuracy", "mcc")
    ]  # fmt: skip


def write_models(results: ResultPaths, condition: Condition) -> list[Path]:
    """Write what two replicates leave behind; return the folders of their models."""
    folders = [results.kept_models(condition) / f"replicate-{number}" for number in (0, 1)]
    folders += [results.run(condition) / REPLICATES_FOLDER / f"{n}-aa.model" for n in (0, 1)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"1234")
    (results.run(condition) / REPLICATES_FOLDER / "0-aa.curve.parquet").touch()
    return folders


@pytest.mark.parametrize(
    ("pretrained", "scratch", "best"),
    [
        (0.7, 0.6, "pretrained"),
        (0.6, 0.7, "scratch"),
        (None, 0.1, "scratch"),
        (0.5, None, "pretrained"),
    ],
)
def test_dev_scores_choose_and_the_other_arm_loses_its_models_alone(
    pretrained: float | None, scratch: float | None, best: str, tmp_path: Path
) -> None:
    results = ResultPaths(tmp_path)
    rows = [*scored(ARMS["pretrained"], pretrained, 0.1), *scored(ARMS["scratch"], scratch, 0.9),
            *scored(BASELINE, 1.0, 1.0)]  # fmt: skip
    folders = {init: write_models(results, condition) for init, condition in ARMS.items()}
    table = pd.DataFrame(rows, columns=SCORE_SCHEMA.names)
    write_table(table, results.scores("odd"), SCORE_SCHEMA, {})
    keep_best(results.scores("odd"), results, results.best("odd"), print)
    stored = read_json(results.best("odd"))
    assert stored["condition"] == ARMS[best].columns
    assert stored["folder"] == str(results.kept_models(ARMS[best]))
    assert (stored["models"], stored["bytes"]) == (["replicate-0", "replicate-1"], 8)
    for init, condition in ARMS.items():
        assert [folder.exists() for folder in folders[init]] == [init == best] * 4
        assert (results.run(condition) / REPLICATES_FOLDER / "0-aa.curve.parquet").exists()


def test_where_all_diverged_there_is_no_best(tmp_path: Path) -> None:
    results = ResultPaths(tmp_path)
    rows = scored(ARMS["scratch"], None, 0.1)
    table = pd.DataFrame(rows, columns=SCORE_SCHEMA.names)
    write_table(table, results.scores("odd"), SCORE_SCHEMA, {})
    keep_best(results.scores("odd"), results, results.best("odd"), print)
    assert read_json(results.best("odd"))["condition"] is None
