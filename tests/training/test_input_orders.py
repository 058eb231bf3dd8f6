"""Shuffled sequences: what is permuted, and that nothing else changes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymath.training.encode import shuffle_row
from polymath.training.finetune import finetune
from polymath.training.job import Execution, Outputs
from polymath.training.replicate import ConditionInputs, Replicate
from polymath.util.storage import read_metadata, read_table
from support.families import Checkpoint
from support.jobs import CLASSES, outputs_in, predictions_of, run_job, write_job

SYMBOLS = st.lists(st.integers(0, 20), max_size=30)


@given(first=SYMBOLS, second=SYMBOLS, seed=st.integers(0, 2**62))
def test_each_sequence_keeps_its_symbols(first: list[int], second: list[int], seed: int) -> None:
    pair = [np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)]
    shuffled = shuffle_row(pair, seed)
    assert [Counter(side.tolist()) for side in shuffled] == [Counter(first), Counter(second)]
    again = shuffle_row(pair, seed)
    assert all(np.array_equal(*sides) for sides in zip(shuffled, again, strict=True))


def outputs_with_shuffled(folder: Path) -> Outputs:
    outputs = outputs_in(folder)
    return replace(outputs, shuffled=outputs.predictions.with_name("shuffled.parquet"))


def test_a_second_test_set_is_shuffled_and_costs_no_training(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    plain, both = tmp_path / "plain", tmp_path / "both"
    run_job(write_job(plain, checkpoint("bert"), CLASSES), plain)
    job, outputs = write_job(both, checkpoint("bert"), CLASSES), outputs_with_shuffled(both)
    finetune(job, Execution(1, 60), outputs, print)
    assert predictions_of(both) == predictions_of(plain), "what is trained and tested stays"
    assert outputs.shuffled is not None
    table = read_table(outputs.shuffled)
    assert set(table["split"]) == {"test"}
    as_is = read_table(outputs.predictions)
    as_is = as_is[as_is["split"] == "test"].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.drop(columns="logits"), as_is.drop(columns="logits"))
    assert not np.allclose(np.stack(table["logits"].to_list()), np.stack(as_is["logits"].to_list()))
    assert read_metadata(outputs.shuffled)["recipe"] == "tiny+shuffled-input"
    logged: list[str] = []
    finetune(job, Execution(1, 60), outputs, logged.append)
    assert sum("already finished" in line for line in logged) == 2
    outputs = replace(outputs, shuffled=None)  # no longer asked for
    finetune(job, Execution(1, 60), outputs, logged.append)
    assert sum("already finished" in line for line in logged) == 4


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_shuffled_rows_are_the_same_ones_permuted_between_the_special_tokens(
    family: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint(family), CLASSES, length=80)  # longer than the model
    data = Replicate(ConditionInputs(job, "cpu", shuffled_test=True), 0).data
    assert data.shuffled_test is not None
    frame = [len(side) for side in ConditionInputs(job, "cpu").special_tokens(0).ids]
    moved = 0
    for own, shuffled in zip(data.test.ids, data.shuffled_test.ids, strict=True):
        assert len(own) == 64
        assert Counter(own.tolist()) == Counter(shuffled.tolist())
        assert list(own[: frame[0]]) == list(shuffled[: frame[0]])
        assert list(own[64 - frame[1] :]) == list(shuffled[64 - frame[1] :])
        moved += not np.array_equal(own, shuffled)
    assert moved == len(data.test)


def test_on_request_everything_is_shuffled_alike_in_all_replicates(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    condition = replace(job.condition, recipe="tiny+shuffled-training")
    shuffled = ConditionInputs(replace(job, condition=condition), "cpu")
    plain = ConditionInputs(job, "cpu")
    assert plain.digest(0) != shuffled.digest(0)
    as_is, first, second = (
        Replicate(inputs, number).data
        for inputs, number in ((plain, 0), (shuffled, 0), (shuffled, 1))
    )
    assert first.shuffled_test is None
    for split in ("train", "dev", "test"):
        own, moved = getattr(as_is, split), getattr(first, split)
        assert np.array_equal(own.targets, moved.targets)
        pairs = list(zip(own.ids, moved.ids, strict=True))
        assert all(Counter(a.tolist()) == Counter(b.tolist()) for a, b in pairs)
        assert not all(np.array_equal(a, b) for a, b in pairs)
    # Another replicate has other tokens in the same places.
    patterns = [pd.factorize(data.test.ids[0])[0] for data in (first, second)]
    assert np.array_equal(*patterns)
