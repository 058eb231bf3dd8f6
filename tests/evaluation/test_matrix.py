"""The matrix of conditions: its own columns, estimates, and differences from scratch."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from polymath.evaluation.arrays import Floats
from polymath.evaluation.statistics import estimate_mean
from polymath.evaluation.tables import MATRIX_SCHEMA
from polymath.util.seeds import VARIED
from support.evidence import matrix_of

PRETRAINED = np.array([0.91, 0.95, 0.90, 0.97, 0.92])
SCRATCH = np.array([0.80, 0.85, 0.78, 0.87, 0.84])


def scores_of(
    init: str,
    values: Floats,
    order: list[int] | None = None,
    task: str = "splice",
    fraction: str = "1",
) -> pd.DataFrame:
    """Return the scores of a condition; `values` are by replicate, rows come in `order`."""
    rows = [
        {
            "task": task, "model": "minilm-l6", "init": init, "mapping": "random",
            "fraction": fraction, "recipe": "default", "domain": "dna", "replicate": replicate,
            "split": split, "metric": metric, "headline": metric == "accuracy", "items": 50,
            "positive": "", "answers": 2,
            "value": values[replicate] if (split, metric) == ("test", "accuracy") else -9.0,
            "chance": 0.5, "diverged_at": None, "learning_rate": 1e-4,
            **{f"{stream}_seed": replicate for stream in VARIED},
        }
        for replicate in (order or range(len(values)))
        for split in ("dev", "test")
        for metric in ("accuracy", "mcc")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def both(pretrained: Floats, scratch: Floats, order: list[int] | None = None) -> pd.DataFrame:
    parts = [scores_of("pretrained", pretrained, order), scores_of("scratch", scratch)]
    return pd.concat(parts, ignore_index=True)


def test_the_matrix_has_one_row_a_condition_of_headline_test_scores() -> None:
    matrix = matrix_of(both(PRETRAINED, SCRATCH))
    assert list(matrix.columns) == MATRIX_SCHEMA.names
    assert list(matrix["init"]) == ["pretrained", "scratch"]
    assert set(matrix["metric"]) == {"accuracy"}
    assert list(matrix["n"]) == [5, 5]
    np.testing.assert_allclose(matrix["mean"], [PRETRAINED.mean(), SCRATCH.mean()])
    expected = estimate_mean(SCRATCH)
    assert (matrix["low"][1], matrix["high"][1]) == (expected.low, expected.high)
    assert list(matrix["chance"]) == [0.5, 0.5]
    assert list(matrix["items"]) == [50, 50]


def test_differences_are_paired_by_replicate_whatever_the_order_of_rows() -> None:
    matrix = matrix_of(both(PRETRAINED, SCRATCH, order=[3, 0, 4, 2, 1]))
    expected = stats.ttest_rel(PRETRAINED, SCRATCH).confidence_interval()
    row = matrix.iloc[0]
    assert row["n_pairs"] == 5
    assert row["difference"] == pytest.approx((PRETRAINED - SCRATCH).mean())
    assert row["difference_low"] == pytest.approx(expected.low)
    assert row["difference_high"] == pytest.approx(expected.high)
    unpaired = stats.ttest_rel(PRETRAINED[[3, 0, 4, 2, 1]], SCRATCH).confidence_interval()
    assert abs(unpaired.low - expected.low) > 0.01  # else the test above would show nothing


def diverge(scores: pd.DataFrame, init: str, replicates: list[int]) -> pd.DataFrame:
    chosen = (scores["init"] == init) & scores["replicate"].isin(replicates)
    return scores.assign(
        value=scores["value"].mask(chosen),
        items=scores["items"].mask(chosen).astype("Int32"),
        chance=scores["chance"].mask(chosen),
        diverged_at=scores["diverged_at"].mask(chosen, 7),
    )


@pytest.mark.filterwarnings("error")
def test_an_arm_that_diverged_throughout_has_no_number() -> None:
    matrix = matrix_of(diverge(both(PRETRAINED, SCRATCH), "scratch", list(range(5))))
    assert matrix["mean"].isna().tolist() == [False, True]
    assert matrix["items"].isna().tolist() == [False, True]
    assert matrix["difference"].isna().all()
    assert matrix["n_pairs"].tolist()[0] == 0


def test_scratch_itself_and_a_condition_without_it_have_no_difference() -> None:
    for row in (
        matrix_of(both(PRETRAINED, SCRATCH)).iloc[1],
        matrix_of(scores_of("pretrained", PRETRAINED)).iloc[0],
    ):
        assert row[["n_pairs", "difference", "difference_low", "difference_high"]].isna().all()


def test_the_baseline_is_the_same_condition_from_scratch() -> None:
    table = pd.concat(
        [
            scores_of("pretrained", PRETRAINED),
            scores_of("scratch", SCRATCH - 0.3, fraction="0.1"),
            scores_of("pretrained", PRETRAINED - 0.2, fraction="0.1"),
            scores_of("scratch", SCRATCH),
            scores_of("scratch", SCRATCH - 0.5, task="amp"),
        ],
        ignore_index=True,
    )
    matrix = matrix_of(table).set_index(["task", "fraction", "init"])
    whole = (PRETRAINED - SCRATCH).mean()
    assert len(matrix) == 5
    assert matrix.loc[("splice", "1", "pretrained"), "difference"] == pytest.approx(whole)
    assert matrix.loc[("splice", "0.1", "pretrained"), "difference"] == pytest.approx(whole + 0.1)


def test_a_single_replicate_has_a_mean_and_a_difference_without_intervals() -> None:
    row = matrix_of(both(PRETRAINED[:1], SCRATCH[:1])).iloc[0]
    assert (row["n"], row["n_pairs"]) == (1, 1)
    assert row["mean"] == pytest.approx(0.91)
    assert row["difference"] == pytest.approx(0.11)
    assert row[["low", "high", "difference_low", "difference_high"]].isna().all()
