"""Batches: their order, their padding and their shapes."""

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymath.training.batches import (
    batch_shape,
    epoch_batches,
    gather_batch,
    move_split,
    training_batches,
)
from support.jobs import some_data


@given(st.lists(st.integers(3, 90), min_size=1, max_size=300), st.integers(1, 32))
def test_an_epoch_has_every_row_once(lengths: list[int], batch_size: int) -> None:
    batches = list(epoch_batches(np.array(lengths), batch_size, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size


@given(st.lists(st.integers(3, 600), min_size=2, max_size=40))
def test_a_bucket_holds_its_rows_and_wastes_little(values: list[int]) -> None:
    lengths = np.array(values)
    rows = np.arange(len(lengths) // 2 + 1)
    exact, rounded = (batch_shape(lengths, rows, buckets) for buckets in (False, True))
    longest = lengths[rows].max()
    assert exact.length == longest
    assert longest <= rounded.length <= min(lengths.max(), longest * 1.25)
    assert rounded.padded == (lengths[rows].min() < rounded.length)


def test_there_are_few_buckets() -> None:
    lengths = np.arange(1, 513)
    assert len({batch_shape(lengths, np.array([row]), True).length for row in range(512)}) <= 32


def test_a_small_set_is_cut_into_two_pools_at_least() -> None:
    lengths = np.arange(160)  # all different: a single pool would give the same batches each time
    generator = np.random.default_rng(0)
    epochs = [{tuple(sorted(rows)) for rows in epoch_batches(lengths, 8, generator)} for _ in "ab"]
    assert len(epochs[0] & epochs[1]) <= 1


def test_batches_of_mixed_lengths_waste_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 66, 4000)
    order = epoch_batches(lengths, 16, np.random.default_rng(1))
    computed = sum(len(rows) * lengths[rows].max() for rows in order)
    assert lengths.sum() / computed > 0.95


def test_equal_lengths_are_shuffled_afresh_each_epoch() -> None:
    orders = training_batches(np.full(40, 9), 8, 0)
    epochs = [np.concatenate([next(orders) for _ in range(5)]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(40))
    assert epochs[0] != epochs[1] != list(range(40))


def test_only_padded_batches_have_a_mask() -> None:
    data = some_data()
    resident = move_split(data, "cpu")

    def batch_of(rows: Any) -> Any:
        return gather_batch(
            resident, torch.from_numpy(rows), batch_shape(data.lengths, rows, False)
        )

    assert batch_of(np.flatnonzero(data.lengths == data.lengths[0])).mask is None
    ends = np.array([int(data.lengths.argmin()), int(data.lengths.argmax())])
    batch = batch_of(ends)
    assert batch.mask.sum(dim=1).tolist() == [data.lengths.min(), data.lengths.max()]
    for row, place in zip(ends, range(2), strict=True):
        assert batch.ids[place, : data.lengths[row]].tolist() == data.ids[row].tolist()
        assert set(batch.ids[place, data.lengths[row] :].tolist()) <= {data.padding}
