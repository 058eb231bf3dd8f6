"""The bootstrap and the null of a comparison, against a walk around the circle."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from polymath.analysis.representations.measures import Cross, Moments, debiased_cka
from polymath.analysis.representations.resampling import draw_resamples, exchange_sequences
from polymath.analysis.representations.states import HiddenStates
from polymath.experiment.analyses import Representations

Integers = NDArray[np.int64]


def starts_of(lengths: list[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(lengths)])


def walk(lengths: list[int], circle: list[int]) -> list[int]:
    """Return the partner of each token by walking around the circle, token by token."""
    starts = starts_of(lengths)
    partners = []
    for sequence, length in enumerate(lengths):
        for position in range(length):
            place = circle.index(sequence)
            while True:
                place = (place + 1) % len(circle)
                if lengths[circle[place]] > position:
                    break
            partners.append(int(starts[circle[place]]) + position)
    return partners


layouts = st.lists(st.integers(1, 12), min_size=1, max_size=12).flatmap(
    lambda lengths: st.tuples(st.just(lengths), st.permutations(range(len(lengths))))
)


@given(layouts)
def test_each_token_meets_the_same_position_of_the_next_sequence_that_has_it(
    layout: tuple[list[int], list[int]],
) -> None:
    lengths, circle = layout
    order = exchange_sequences(starts_of(lengths), np.array(circle))
    assert order.tolist() == walk(lengths, circle)


@given(layouts)
def test_an_exchange_takes_each_token_once_and_from_another_sequence(
    layout: tuple[list[int], list[int]],
) -> None:
    lengths, circle = layout
    order = exchange_sequences(starts_of(lengths), np.array(circle))
    assert sorted(order) == list(range(sum(lengths)))
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    position = np.concatenate([np.arange(length) for length in lengths])
    assert (position[order] == position).all()
    reached = (np.array(lengths)[:, None] > position).sum(axis=0)
    assert (sequence[order] != sequence)[reached > 1].all()


def test_draws_depend_on_the_seed_and_weigh_as_many_blocks_as_there_are() -> None:
    starts = starts_of([9, 4, 7, 5, 8] * 10)
    states = HiddenStates(np.zeros((1, starts[-1], 2), np.float32), starts, starts[:0])
    settings = Representations(bootstraps=5, permutations=3, items=20)
    drawn, again, another = (draw_resamples(states, settings, seed) for seed in (1, 1, 2))
    assert (drawn.weights.sum(axis=1) == len(states.blocks)).all()
    assert drawn.chosen.shape == (5, 20)
    assert drawn.chosen.max() < 20
    assert all((x == y).all() for x, y in zip(drawn.orders, again.orders, strict=True))
    assert any((x != y).any() for x, y in zip(drawn.orders, another.orders, strict=True))
    # A null does not change with the number of resamples.
    more = draw_resamples(states, settings.model_copy(update={"bootstraps": 9}), 1)
    assert all((x == y).all() for x, y in zip(drawn.orders, more.orders, strict=True))


def test_a_null_that_keeps_positions_is_above_one_that_breaks_them() -> None:
    """Two models that share nothing but where a token stands."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(8, 16, 80)
    starts = starts_of(lengths.tolist())
    position = np.concatenate([np.arange(length) for length in lengths])
    table = generator.normal(size=(16, 5))
    x, y = (table[position] + 0.5 * generator.normal(size=(starts[-1], 5)) for _ in range(2))

    def similarity(order: Integers) -> float:
        return debiased_cka(Moments.of(x), Moments.of(y), Cross.of(x, y[order]))

    circle = generator.permutation(80)
    kept = similarity(exchange_sequences(starts, circle))
    end_to_end = np.concatenate([np.arange(*starts[[row, row + 1]]) for row in circle])
    value = similarity(np.arange(len(x)))
    assert abs(kept - value) < 0.05
    assert kept > 0.2
    assert similarity(end_to_end) < 0.5 * kept
