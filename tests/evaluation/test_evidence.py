"""All tables of evidence from the scores, predictions and curves of two conditions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.effective_data import AT_LEAST, NO_BOUND
from polymath.evaluation.evidence import EvidenceFiles, write_evidence
from polymath.evaluation.learned import reach_chance
from polymath.evaluation.tables import CURVE_SCHEMA, SCORE_SCHEMA
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.util.seeds import VARIED
from polymath.util.storage import read_table, write_table
from support.evidence import write_condition

PRETRAINED = Condition("amp", "text-bert", "pretrained", "random", "1", "default")
SCRATCH = replace(PRETRAINED, init="scratch")
MAJORITY = Condition("amp", "majority", NONE, NONE, "1", NONE)
RIGHTS = {PRETRAINED: [180, 184, 170, 176], SCRATCH: [160, 150, -1, 158], MAJORITY: [120] * 4}
ALWAYS = ("estimates", "comparisons", "summary", "convergence")
LUCKY = [124, 125, 124, 125]  # of 200 items, a few more than chance level, with every seed


def write_curves(results: ResultPaths, condition: Condition) -> None:
    rows = [{"replicate": replicate, "step": step, "examples": 8 * step, "train_loss": 0.1,
             "dev_score": 0.5 + step / 100, "seconds": 1.0 + step}
            for replicate in range(4) for step in (0, 10, 20)]  # fmt: skip
    trials = [{"learning_rate": rate, "dev_scores": [0.7]} for rate in (1e-3, 1e-4)]
    metadata = {**condition.columns, "domain": "protein", "metric": "accuracy", "diverged": {},
                "learning_rate": 1e-3, "rate_trials": trials}  # fmt: skip
    write_table(pd.DataFrame(rows), results.curves(condition), CURVE_SCHEMA, metadata)


def write_run(folder: Path, all_rights: dict[Condition, list[int]]) -> tuple[Path, ResultPaths]:
    """Write what training and scoring leave of conditions with so many right answers of 200."""
    results = ResultPaths(folder)
    tables = []
    for condition, rights in all_rights.items():
        test = write_condition(results, condition, rights).assign(items=200, learning_rate=1e-3)
        tables += [test, test.assign(split="dev", chance=0.5)]
        if not condition.is_baseline:
            write_curves(results, condition)
    scores = pd.concat(tables)
    scores[[f"{stream}_seed" for stream in VARIED]] = 0
    scores["init_seed"] = scores["replicate"]
    write_table(scores, results.scores("amp"), SCORE_SCHEMA, {})
    return results.scores("amp"), results


def write(
    folder: Path, all_rights: dict[Condition, list[int]] = RIGHTS, **optional: Any
) -> dict[str, pd.DataFrame]:
    scores, results = write_run(folder, all_rights)
    files = EvidenceFiles(
        **{name: results.evidence(name) for name in (*ALWAYS, *optional)},
        matrix=results.matrix("parquet"),
        matrix_csv=results.matrix("csv"),
    )
    lineage = Lineage(domains={"text-bert": "text"}, bases={})
    return write_evidence([scores], results, lineage, {"init": 4}, files)


def test_every_table_is_written_and_the_matrix_repeats_estimates_and_comparisons(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    results = ResultPaths(tmp_path)
    tables = {name: read_table(results.evidence(name)) for name in ALWAYS}
    estimates, matrix = tables["estimates"], read_table(results.matrix())
    (comparison,) = tables["comparisons"].to_dict("records")
    assert len(tables["summary"]) == len(tables["convergence"]) == 1
    for name in ("task", "model", "init", "n", "diverged", "mean", "low", "high"):
        assert matrix[name].tolist() == estimates[name].tolist()
    row = matrix.iloc[0]
    assert [row[f"difference{end}"] for end in ("", "_low", "_high")] == [
        comparison[name] for name in ("difference", "low", "high")
    ]
    assert row["detectable"] == comparison["detectable"]
    assert (row["n_pairs"], row["items"], row["learning_rate"]) == (3, 200, 1e-3)
    assert matrix["difference"].isna().tolist() == [False, True, True]
    csv = pd.read_csv(results.matrix("csv"), dtype={"fraction": str})
    pd.testing.assert_frame_equal(csv, matrix, check_dtype=False)
    assert {path.name for path in tmp_path.rglob("evidence/*")} == {
        f"{name}.parquet" for name in ALWAYS
    }


def test_rates_and_variance_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, rates=True, variance=True, effective_data=True)
    names = ("rates", "variance", "effective_data")
    rates, variance, effective = (read_table(ResultPaths(tmp_path).evidence(n)) for n in names)
    assert effective.empty  # of one fraction
    assert rates["init"].tolist() == ["pretrained"] * 2 + ["scratch"] * 2
    assert variance["stream"].tolist() == ["init"]  # a replicate from scratch diverged


def test_an_arm_that_learned_nothing_has_no_speed(tmp_path: Path) -> None:
    """Whatever its curve on the few items of dev."""
    (row,) = write(tmp_path / "learned")["convergence"].to_dict("records")
    assert row["lead"] == 0  # the curves are the same
    for rights in ([101, 99, 100, 98], LUCKY):
        tables = write(tmp_path / str(rights[0]), {**RIGHTS, SCRATCH: rights})
        (row,) = tables["convergence"].to_dict("records")
        assert np.isnan(row["lead"])
        assert not np.isnan(row["target"])


def test_an_arm_that_learned_nothing_is_worth_no_data(tmp_path: Path) -> None:
    """A few items above chance are not measured as so many times the data."""
    low, low_scratch = (replace(each, fraction="0.1") for each in (PRETRAINED, SCRATCH))
    rights = {**RIGHTS, low: LUCKY, low_scratch: [100, 101, 100, 102]}
    table = write(tmp_path, rights, effective_data=True)["effective_data"].set_index("fraction")
    assert table.loc["0.1", "mean"] > table.loc["0.1", "chance"]
    assert table["bound"].to_dict() == {"0.1": NO_BOUND, "1": AT_LEAST}


def test_seeds_that_agree_do_not_make_luck_with_the_test_items_learning(tmp_path: Path) -> None:
    matrix = write(tmp_path, {**RIGHTS, SCRATCH: LUCKY})["matrix"]
    row = matrix[matrix["init"] == "scratch"].iloc[0]
    assert row["low"] > row["chance"]  # over seeds alone
    # The share of 200 items, others of which are right with each of four seeds.
    error = (row["mean"] * (1 - row["mean"]) / (4 * 200)) ** 0.5
    assert row["combined_low"] == pytest.approx(row["mean"] - 1.97 * error, abs=0.005)
    assert reach_chance(matrix).tolist() == [False, True, True]
    # Tables of older runs know of seeds alone.
    assert reach_chance(matrix.drop(columns="combined_low")).tolist() == [False, False, True]
