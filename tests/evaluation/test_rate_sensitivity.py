"""What each learning rate scored on dev."""

from typing import Any

import pandas as pd
import pytest

from polymath.evaluation.rate_sensitivity import AT_EDGE, ONE_RATE, list_rates, qualify, read_choice
from polymath.evaluation.statistics import estimate_mean
from support.figures import CONDITION


def metadata_of(chosen: float | None, trials: list[dict[str, Any]]) -> dict[str, Any]:
    return {**CONDITION, "learning_rate": chosen, "rate_trials": trials}


def trial(rate: float, *scores: float | None) -> dict[str, Any]:
    return {"learning_rate": rate, "dev_scores": list(scores)}


def test_every_rate_has_its_row_and_the_chosen_one_is_marked() -> None:
    trials = [trial(3e-4, 0.9, 0.8), trial(1e-4, 0.7, 0.75), trial(1e-3, None, 0.6)]
    table = list_rates([metadata_of(3e-4, trials)])
    assert table["learning_rate"].tolist() == [1e-4, 3e-4, 1e-3]
    assert table["chosen"].tolist() == [False, True, False]
    assert not table["at_edge"].any()
    assert table["diverged"].tolist() == [0, 0, 1]
    expected = estimate_mean(pd.Series([0.9, 0.8]).to_numpy()).within(0, 1)
    assert table.iloc[1][["mean", "low", "high"]].tolist() == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )


def test_a_choice_at_the_edge_of_what_was_tried_is_marked() -> None:
    trials = [trial(1e-4, 0.7), trial(3e-4, 0.9)]
    table = list_rates([metadata_of(3e-4, trials)])
    assert table["at_edge"].tolist() == [False, True]


def test_conditions_with_one_rate_have_no_row() -> None:
    assert list_rates([metadata_of(1e-4, [])]).empty


@pytest.mark.parametrize(
    ("rates", "chosen", "qualifier"),
    [
        ([], 1e-4, ONE_RATE),
        ([1e-4, 3e-4], 1e-4, AT_EDGE),
        ([1e-4, 3e-4, 1e-3], 1e-3, AT_EDGE),
        ([1e-3, 1e-4, 3e-4], 3e-4, ""),
    ],
)
def test_a_verdict_says_which_rates_it_rests_on(
    rates: list[float], chosen: float, qualifier: str
) -> None:
    well = read_choice(metadata_of(3e-4, [trial(rate, 0.8) for rate in (1e-4, 3e-4, 1e-3)]))
    choice = read_choice(metadata_of(chosen, [trial(rate, 0.8) for rate in rates]))
    assert qualify([well, choice]) == qualify([choice, well]) == qualifier
