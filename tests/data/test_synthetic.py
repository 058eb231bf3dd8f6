"""Synthetic sequences: their distributions, their grammar, their entropy and their seeds."""

import math
from collections import Counter
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymath.data.synthetic import (
    bits,
    entropy,
    generate,
    stationary,
    transitions,
    zipf_probabilities,
)
from polymath.experiment.config_errors import parse
from polymath.experiment.synthetic import SyntheticData, SyntheticKind
from polymath.util.errors import PolymathError

KINDS = get_args(SyntheticKind)
MANY = 40_000


def data(kind: str, symbols: int = 4, length: int = 6) -> SyntheticData:
    return SyntheticData.model_validate({"kind": kind, "symbols": symbols, "length": length})


def is_well_nested(word: tuple[int, ...]) -> bool:
    """Whether brackets close in the reverse of the order in which they opened."""
    stack: list[int] = []
    for symbol in word:
        if symbol % 2 == 0:
            stack.append(symbol // 2)
        elif not stack or stack.pop() != symbol // 2:
            return False
    return not stack


def is_shuffle(word: tuple[int, ...]) -> bool:
    """Whether each kind's own brackets are well nested."""
    kinds = {symbol // 2 for symbol in word}
    return all(is_well_nested(tuple(s for s in word if s // 2 == kind)) for kind in kinds)


def is_copy(word: tuple[int, ...]) -> bool:
    return word[: len(word) // 2] == word[len(word) // 2 :]


LANGUAGES = {"dyck": is_well_nested, "shuffle-dyck": is_shuffle, "copy": is_copy}


@pytest.mark.parametrize("kind", KINDS)
@given(
    pairs=st.integers(1, 12), half=st.integers(1, 8), rows=st.integers(1, 20),
    seed=st.integers(0, 2**63 - 1),
)  # fmt: skip
@settings(max_examples=30)
def test_sequences_are_in_range_and_the_same_for_a_seed(
    kind: str, pairs: int, half: int, rows: int, seed: int
) -> None:
    source = data(kind, 2 * half, 2 * pairs)
    sequences = generate(source, rows, seed)
    assert sequences.shape == (rows, 2 * pairs)
    assert sequences.min() >= 0
    assert sequences.max() < 2 * half
    assert np.array_equal(sequences, generate(source, rows, seed))
    language = LANGUAGES.get(kind)
    assert language is None or all(map(language, map(tuple, sequences.tolist())))


@pytest.mark.parametrize("kind", KINDS)
def test_each_seed_has_sequences_of_its_own(kind: str) -> None:
    source = data(kind, 16, 32)
    assert not np.array_equal(generate(source, 9, 1), generate(source, 9, 2))


@pytest.mark.parametrize("kind", LANGUAGES)
@pytest.mark.parametrize(("symbols", "length"), [(2, 6), (4, 4), (4, 6)])
def test_all_words_of_a_language_are_equally_likely(kind: str, symbols: int, length: int) -> None:
    """Against an enumeration of all sequences."""
    source = data(kind, symbols, length)
    words = [w for w in product(range(symbols), repeat=length) if LANGUAGES[kind](w)]
    assert bits(source, 0) == pytest.approx(math.log2(len(words)))
    counts = Counter(map(tuple, generate(source, MANY, 3).tolist()))
    assert set(counts) == set(words)
    expected = MANY / len(words)
    chi2 = sum((counts[word] - expected) ** 2 / expected for word in words)
    freedom = len(words) - 1
    assert chi2 < freedom + 5 * math.sqrt(2 * freedom) + 5


@pytest.mark.parametrize("kind", ["iid", "zipf", "markov"])
def test_the_entropy_in_closed_form_is_the_empirical_one(kind: str) -> None:
    """Sequences of three symbols, whose words can be counted."""
    source = data(kind, 5, 3)
    counts = Counter(map(tuple, generate(source, MANY, 3).tolist()))
    shares = np.array(list(counts.values())) / MANY
    assert entropy(shares) == pytest.approx(bits(source, 3), abs=0.02)


@given(st.integers(2, 30), st.integers(0, 99))
def test_a_chain_stays_in_its_stationary_distribution(symbols: int, seed: int) -> None:
    steps = transitions(np.random.default_rng(seed), symbols)
    start = stationary(steps)
    np.testing.assert_allclose(start @ steps, start, atol=1e-12)
    np.testing.assert_allclose(steps.sum(axis=1), 1)
    assert start.min() > 0
    assert start.sum() == pytest.approx(1)
    for row in steps:
        np.testing.assert_allclose(sorted(row), sorted(zipf_probabilities(symbols)))


def test_a_chains_symbols_and_steps_have_its_probabilities() -> None:
    source = data("markov", 6, 40)
    chains = generate(source, 4_000, 7)
    steps = transitions(np.random.default_rng(7), 6)
    start = stationary(steps)
    for place in (0, 20, 39):
        shares = np.bincount(chains[:, place], minlength=6) / len(chains)
        np.testing.assert_allclose(shares, start, atol=0.03)
    pairs = np.zeros((6, 6))
    np.add.at(pairs, (chains[:, :-1].ravel(), chains[:, 1:].ravel()), 1)
    np.testing.assert_allclose(pairs / pairs.sum(axis=1, keepdims=True), steps, atol=0.02)


def test_symbols_of_zipf_have_their_shares() -> None:
    shares = np.bincount(generate(data("zipf", 9, 50), 4_000, 1).ravel(), minlength=9) / 200_000
    np.testing.assert_allclose(shares, zipf_probabilities(9), atol=0.004)
    assert shares[0] / shares[8] == pytest.approx((9 + 2.7) / (1 + 2.7), rel=0.05)


def test_long_words_of_many_kinds() -> None:
    for kind in ("dyck", "shuffle-dyck"):
        words = generate(data(kind, 128, 512), 20, 0)
        assert all(map(LANGUAGES[kind], map(tuple, words.tolist())))
        assert 0 < bits(data(kind, 128, 512), 0) < 512 * 7


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"kind": "dyck", "symbols": 7}, "'symbols' is 7"),
        ({"kind": "shuffle-dyck", "length": 9}, "'length' is 9"),
        ({"kind": "copy", "length": 9}, "'length' is 9"),
        ({"kind": "markov", "symbols": 5_000}, "'symbols' is 5,000"),
        ({"kind": "shuffle-dyck", "length": 5_000}, "'length' 5,000"),
        ({"kind": "iid", "length": 100_000, "sequences": 10_000}, "lower one"),
        ({"kind": "iid", "symbols": 1}, "symbols: must be greater"),
        ({"kind": "dick"}, "did you mean 'dyck'?"),
    ],
)
def test_senseless_values_are_refused_by_name(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(PolymathError) as caught:
        parse(SyntheticData, changes, "synthetic")
    assert key in str(caught.value)
