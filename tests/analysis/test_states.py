"""Views of hidden states, against least squares and pandas; what a view leaves of simple states."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from polymath.analysis.representations.measures import Cross, Moments, linear_similarities
from polymath.analysis.representations.states import HiddenStates, sequence_dissimilarity
from polymath.experiment.representation_studies import CENTRINGS, Centring

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def some_layout(sequences: int = 60, symbols: int = 6, seed: int = 0) -> tuple[Integers, Integers]:
    """Return starts and symbols of sequences of different lengths."""
    generator = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(generator.integers(5, 15, sequences))])
    return starts, generator.integers(0, symbols, starts[-1])


def states_of(layer: Array, starts: Integers, symbols: Integers) -> HiddenStates:
    return HiddenStates(layer[None].astype(np.float32), starts, symbols)


def positions_of(starts: Integers) -> Integers:
    return np.concatenate([np.arange(stop - start) for start, stop in pairwise(starts)])


def cka(x: Array, y: Array) -> float:
    return linear_similarities(Moments.of(x), Moments.of(y), Cross.of(x, y))["cka"]


def test_a_view_is_the_residual_of_regressing_on_its_groups() -> None:
    starts, symbols = some_layout()
    layer = np.random.default_rng(1).normal(size=(len(symbols), 4)) + symbols[:, None]
    states = states_of(layer, starts, symbols)
    labels: dict[Centring, Integers] = {"position": positions_of(starts), "token": symbols}
    for centring, label in labels.items():
        dummies = pd.get_dummies(label).to_numpy(dtype=float)
        fitted = dummies @ np.linalg.lstsq(dummies, layer.astype(np.float32))[0]
        found = states.centred[centring].layer(0)
        assert found == pytest.approx(layer.astype(np.float32) - fitted, abs=1e-9)
    assert (states.centred["raw"].layer(0) == layer.astype(np.float32)).all()


def test_moments_of_a_view_are_those_of_its_states() -> None:
    starts, symbols = some_layout()
    layer = np.random.default_rng(1).normal(size=(len(symbols), 4)) + symbols[:, None]
    states = states_of(layer, starts, symbols)
    for centring in CENTRINGS:
        view = states.centred[centring]
        whole, (summed,) = Moments.of(view.layer(0)), view.moments
        assert summed.self.gram == pytest.approx(whole.self.gram, rel=1e-9)
        assert summed.self.product == pytest.approx(whole.self.product, rel=1e-9)
        assert summed.total == pytest.approx(whole.total, abs=1e-9)


@pytest.mark.parametrize("centring", ["position", "token"])
def test_states_that_hold_a_group_alone_have_no_similarity_left(centring: Centring) -> None:
    starts, symbols = some_layout()
    label = {"position": positions_of(starts), "token": symbols}[centring]
    generator = np.random.default_rng(2)
    x = generator.normal(size=(20, 4))[label]
    y = x @ generator.normal(size=(4, 6))
    assert cka(x, y) > 0.5
    views = [states_of(side, starts, symbols).centred[centring] for side in (x, y)]
    left, right = (view.layer(0) for view in views)
    assert not left.any()
    values = linear_similarities(Moments.of(left), Moments.of(right), Cross.of(left, right))
    assert set(values.values()) == {0.0}
    # With noise of each model's own beside it, chance is left.
    noisy = [side + generator.normal(size=side.shape) for side in (x, y)]
    assert cka(noisy[0], noisy[1]) > 0.2
    left, right = (states_of(side, starts, symbols).centred[centring].layer(0) for side in noisy)
    assert abs(cka(left, right)) < 0.02


def test_a_view_keeps_what_its_groups_do_not_explain() -> None:
    starts, symbols = some_layout()
    generator = np.random.default_rng(3)
    context = generator.normal(size=(len(symbols), 4))
    tables = generator.normal(size=(2, 20, 4)) * 9
    shared = [context + table[positions_of(starts)] for table in tables]
    left, right = (states_of(side, starts, symbols).centred["position"].layer(0) for side in shared)
    assert cka(left, right) == pytest.approx(1, abs=1e-3)


def test_distances_are_of_sequences_mean_states() -> None:
    starts, symbols = some_layout(sequences=8)
    layer = np.random.default_rng(4).normal(size=(len(symbols), 5))
    means = pd.DataFrame(layer).groupby(np.repeat(np.arange(8), np.diff(starts))).mean()
    assert sequence_dissimilarity(layer, starts) == pytest.approx(1 - np.corrcoef(means))
    first = sequence_dissimilarity(layer, starts[:4])
    assert first == pytest.approx(1 - np.corrcoef(means[:3]))
