"""Hidden states compared with each other: views, intervals, nulls, matched layers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymath.analysis.representations.layers import compare_states, matching_layers
from polymath.analysis.representations.measures import Cross, Moments, linear_similarities
from polymath.analysis.representations.states import HiddenStates
from polymath.experiment.analyses import Representations
from polymath.experiment.representation_studies import Centring
from polymath.util.errors import PolymathError

SETTINGS = Representations(tokens=1000, items=20, bootstraps=20, permutations=19)


def some_states(
    sequences: int = 40, noise: float = 1.0, seed: int = 0, world: int = 0
) -> tuple[HiddenStates, HiddenStates]:
    """Two models of two and three layers that see the same sequences, each with its own noise.

    Tokens of a sequence share an offset, as those of real sequences do.
    """
    fixed, generator = np.random.default_rng(world), np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(generator.integers(10, 20, sequences))])
    tokens = int(starts[-1])
    offsets = np.repeat(generator.normal(size=(sequences, 3)), np.diff(starts), axis=0)
    symbols = generator.integers(0, 5, tokens)
    signal = generator.normal(size=(tokens, 3)) + offsets
    states = []
    for depth, d in ((2, 4), (3, 5)):
        maps = fixed.normal(size=(depth, 3, d))
        layers = signal @ maps + noise * generator.normal(size=(depth, tokens, d))
        states.append(HiddenStates(layers.astype(np.float32), starts, symbols))
    return states[0], states[1]


def row_of(
    table: pd.DataFrame, i: int, j: int, measure: str, centring: str = "position"
) -> pd.Series:
    return table.set_index(["centring", "layer_a", "layer_b", "measure"]).loc[
        (centring, i, j, measure)
    ]


def test_all_layers_are_compared_in_the_judged_view_and_matched_ones_in_the_others() -> None:
    table = compare_states(*some_states(), SETTINGS, seed=1)
    counts = table.groupby("centring").size().to_dict()
    assert counts == {"raw": 2 * 5, "position": 2 * 3 * 5, "token": 2 * 5}
    matched = table[table["matched"]]
    assert set(zip(matched["layer_a"], matched["layer_b"], strict=True)) == {(0, 0), (1, 2)}
    judged = table.dropna(subset=["low", "high", "null_high", "p"])
    assert judged.index.equals(matched[matched["centring"] == "position"].index)
    assert (judged["value"] > judged["null_high"]).all()
    assert (judged["p"] == 1 / 20).all()
    assert ((judged["low"] < judged["value"]) & (judged["value"] < judged["high"])).all()


@pytest.mark.parametrize("centring", ["raw", "position", "token"])
def test_values_are_those_of_all_tokens_at_once(centring: Centring) -> None:
    a, b = some_states()
    table = compare_states(a, b, SETTINGS, seed=1)
    x, y = a.centred[centring].layer(1), b.centred[centring].layer(2)
    expected = linear_similarities(Moments.of(x), Moments.of(y), Cross.of(x, y))
    for measure, value in expected.items():
        assert row_of(table, 1, 2, measure, centring)["value"] == pytest.approx(value, rel=1e-6)


def test_a_model_is_like_itself_and_nothing_like_one_of_other_tokens() -> None:
    a, _ = some_states(sequences=100)
    alike = compare_states(a, a, SETTINGS, seed=1)
    same = alike[(alike["layer_a"] == alike["layer_b"])]
    assert same["value"].to_numpy() == pytest.approx(1, abs=1e-6)
    generator = np.random.default_rng(5)
    noise = generator.normal(size=a.layers.shape).astype(np.float32)
    table = compare_states(a, HiddenStates(noise, a.starts, a.symbols), SETTINGS, seed=1)
    judged = table.dropna(subset=["p"])
    assert (judged["p"] > 1 / 20).mean() > 0.8  # under the null p is uniform
    assert judged[judged["measure"] == "cka"]["value"].abs().max() < 0.01


def test_the_standard_error_is_the_spread_over_fresh_samples() -> None:
    quick = SETTINGS.model_copy(update={"permutations": 1})
    tables = [compare_states(*some_states(seed=seed), quick, seed=1) for seed in range(40)]
    for measure in ("cka", "pwcca", "svcca", "procrustes", "rsa"):
        rows = [row_of(table, 1, 2, measure) for table in tables]
        spread = np.std([row["value"] for row in rows], ddof=1)
        claimed = np.mean([(row["high"] - row["low"]) / (2 * 1.96) for row in rows])
        assert 0.6 < claimed / spread < 1.5, measure


@given(st.integers(1, 30), st.integers(1, 30))
def test_matched_layers_rise_from_the_first_to_the_last(depth: int, other: int) -> None:
    pairs = matching_layers(depth, other)
    assert len(pairs) == min(depth, other)
    assert pairs[0] == (0, 0)
    if min(depth, other) > 1:
        assert pairs[-1] == (depth - 1, other - 1)
    assert pairs == sorted(set(pairs))
    if depth == other:
        assert all(i == j for i, j in pairs)


def test_too_few_tokens_are_an_error() -> None:
    a, b = some_states(sequences=3)
    with pytest.raises(PolymathError, match="canonical correlations need 50 at least"):
        compare_states(a, b, SETTINGS, seed=1)
