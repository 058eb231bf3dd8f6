"""Captured steps and predictions, with a stand-in that captures and replays on the CPU."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from polymath.training.acceleration.cuda_graphs import (
    MIN_REPLAYS,
    CapturedFunction,
    CaptureHistory,
    ReplicateStream,
)
from polymath.training.batches import BatchShape, EncodedSplit
from polymath.training.loop import Run
from support.families import Checkpoint
from support.jobs import some_data
from support.streams import (
    RefusingStream,
    ReplayingStream,
    UncapturedStream,
    dropout_run,
    losses_of,
)

SHAPES = {name: BatchShape(2, 9 + place, True) for place, name in enumerate("ABC")}


def assert_same_results(first: Run, second: Run) -> None:
    """Losses, scores and all parameters have the same bits."""
    assert torch.equal(first.losses, second.losses)
    scores = [[point.dev_score for point in run.curve] for run in (first, second)]
    assert scores[0] == scores[1]
    for expected, found in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(expected, found)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tuning": "layer-norms"},
        {"tuning": "lora"},
        {"accumulation": 2, "clip_norm": None, "weight_decay": 0.1},
    ],
    ids=["full", "layer-norms", "lora", "accumulation"],
)
def test_replayed_steps_are_those_computed_afresh(
    changes: dict[str, Any], checkpoint: Checkpoint
) -> None:
    stream = ReplayingStream("cpu")
    replayed = dropout_run(checkpoint("bert"), 1, stream, **changes)
    afresh = dropout_run(checkpoint("bert"), 1, UncapturedStream("cpu"), **changes)
    losses_of(replayed)
    losses_of(afresh)
    assert stream.captured > 2
    assert_same_results(afresh, replayed)


def call_all(order: str, stream: ReplicateStream) -> tuple[CapturedFunction, list[float]]:
    """Sum the rows of batches with shapes in this order; return the function and its sums."""

    def work(rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        return rows.double().sum() * shape.length

    shapes = [SHAPES[name] for name in order]
    repeated = CapturedFunction("work", work, stream, Counter(shapes))
    sums = [float(repeated(torch.tensor([1, n]), shape)) for n, shape in enumerate(shapes)]
    return repeated, sums


def test_only_shapes_that_recur_are_captured_after_one_warm_up() -> None:
    order = "A" + "B" * (1 + MIN_REPLAYS) + "C" * MIN_REPLAYS + "A" * (MIN_REPLAYS - 1)
    stream = ReplayingStream("cpu")
    repeated, sums = call_all(order, stream)
    assert sums == [(1 + n) * SHAPES[name].length for n, name in enumerate(order)]
    assert set(repeated.graphs) == {SHAPES["B"]}
    assert stream.captured == 1


def test_a_shape_that_another_replicate_computed_is_warm_after_a_first_call() -> None:
    history = CaptureHistory()
    call_all("A" * 9 + "B" * 2, ReplayingStream("cpu", history))
    again = ReplayingStream("cpu", history)
    repeated, _ = call_all("C" + "A" * MIN_REPLAYS + "B" * MIN_REPLAYS, again)
    assert set(repeated.graphs) == {SHAPES["A"], SHAPES["B"]}
    repeated, _ = call_all("A" * MIN_REPLAYS, ReplayingStream("cpu", history))
    assert not repeated.graphs, "the first call computes, whatever others did"


def test_interleaved_shapes_leave_the_weights_of_a_run_that_captures_nothing(
    checkpoint: Checkpoint,
) -> None:
    """Shapes A B A C A, with steps between them that are computed afresh."""
    lengths = np.array([5, 6, 5, 9, 5] * 13)
    data = some_data(rows=len(lengths))
    ids = [np.resize(row, n) for row, n in zip(data.ids, lengths, strict=True)]
    rows = EncodedSplit(ids, lengths, data.targets, data.items, 0)
    runs = [
        dropout_run(checkpoint("bert"), 1, stream, data=rows)
        for stream in (UncapturedStream("cpu"), ReplayingStream("cpu"))
    ]
    for run in runs:
        losses_of(run)
    kinds = [shape in runs[1]._compute.graphs for shape in runs[1]._shapes]
    assert 2 < sum(kinds) < len(kinds)
    assert_same_results(*runs)


def test_a_resumed_run_plans_with_the_steps_that_are_left(checkpoint: Checkpoint) -> None:
    straight = dropout_run(checkpoint("bert"), 2, ReplayingStream("cpu"))
    losses_of(straight)
    stream = ReplayingStream("cpu")
    resumed = dropout_run(checkpoint("bert"), 2, stream)
    resumed.restore(straight.state(), straight.steps - 2, straight.curve, 0.0)
    before = stream.captured
    losses_of(resumed)
    assert not resumed._compute.graphs
    assert stream.captured == before
    captured = dropout_run(checkpoint("bert"), 2, ReplayingStream("cpu"))
    losses_of(captured)
    with pytest.raises(AssertionError, match="go on using the tensors"):
        captured.restore(straight.state(), 1, [], 0.0)


# Captures that fail.


def test_a_model_that_cannot_be_captured_is_trained_step_by_step(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "polymath")
    stream = RefusingStream("cpu")
    refused = dropout_run(checkpoint("bert"), 1, stream)
    plain = dropout_run(checkpoint("bert"), 1, UncapturedStream("cpu"))
    losses_of(refused)
    losses_of(plain)
    assert_same_results(plain, refused)
    assert stream.refused == 2, "one step and one prediction; then no more attempts"
    (record,) = caplog.records
    assert "operation not permitted when stream is capturing" in record.getMessage()
    assert "more" not in record.getMessage().splitlines()[1:]


def test_another_replicate_still_captures_when_one_cannot(checkpoint: Checkpoint) -> None:
    history = CaptureHistory()
    streams = RefusingStream("cpu", history), ReplayingStream("cpu", history)
    runs = [dropout_run(checkpoint("bert"), seed, stream) for seed, stream in enumerate(streams)]
    losses_of(*runs)
    assert history.failed
    assert runs[1]._compute.graphs
    alone = dropout_run(checkpoint("bert"), 1, ReplayingStream("cpu"))
    losses_of(alone)
    assert_same_results(alone, runs[1])


def test_memory_that_does_not_suffice_is_no_reason_to_capture_nothing() -> None:
    class FullStream(ReplayingStream):
        def _capture_on_cpu(self, work: object) -> None:  # type: ignore[override]
            raise torch.OutOfMemoryError("tried to allocate too much")

    with pytest.raises(torch.OutOfMemoryError):
        call_all("A" * 9, FullStream("cpu"))


# What torch's CUDA interface is asked for, with a stand-in.


class FakeGenerator:
    """A generator whose state others can share, as torch's on a GPU."""

    def __init__(self, device: str = "cuda") -> None:
        self.state: object = self
        self.seed = 0

    def graphsafe_get_state(self) -> object:
        return self.state

    def graphsafe_set_state(self, other: "FakeGenerator") -> None:
        self.state = other

    def manual_seed(self, seed: int) -> "FakeGenerator":
        self.seed = seed
        return self

    def initial_seed(self) -> int:
        return self.seed


class FakeContext:
    """Stands for torch.cuda.stream and torch.cuda.graph."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class FakeGraph:
    def replay(self) -> None: ...


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stand-ins where a stream asks for CUDA; its generators appear when it is initialised."""
    monkeypatch.setattr("torch.cuda.default_generators", ())

    def init() -> None:
        monkeypatch.setattr("torch.cuda.default_generators", (FakeGenerator(),))

    replaced = {"init": init, "Stream": object, "graph_pool_handle": object,
                "current_device": lambda: 0, "stream": FakeContext, "graph": FakeContext,
                "CUDAGraph": FakeGraph}  # fmt: skip
    for name, stand_in in replaced.items():
        monkeypatch.setattr(f"torch.cuda.{name}", stand_in)
    monkeypatch.setattr("torch.Generator", FakeGenerator)


@pytest.mark.usefixtures("cuda")
def test_a_stream_is_entered_in_a_process_that_has_not_used_cuda() -> None:
    stream = ReplicateStream("cuda")
    default: Any = torch.cuda.default_generators[0]
    with stream.activate():
        assert default.state is stream._generator
    assert default.state is default


@pytest.mark.usefixtures("cuda")
def test_a_failed_capture_leaves_a_new_generator_with_the_same_seed() -> None:
    stream = ReplicateStream("cuda")
    default: Any = torch.cuda.default_generators[0]

    def fail() -> torch.Tensor:
        raise RuntimeError("operation not permitted when stream is capturing")

    with stream.activate(), stream.seeded(7):
        broken = stream._generator
        with pytest.raises(RuntimeError, match="not permitted"):
            stream._capture_work(fail)
        assert default.state is stream._generator
    assert stream._generator is not broken
    assert stream._generator.initial_seed() == 7
    assert default.state is default


@pytest.mark.usefixtures("cuda")
def test_a_streams_graphs_live_as_long_as_the_stream() -> None:
    stream = ReplicateStream("cuda")
    for _ in range(3):
        stream._capture_work(lambda: torch.zeros(()))
    assert len(stream._graphs) == 3


def test_a_short_run_over_many_lengths_captures_few_shapes() -> None:
    """As peptides have them: 240 steps over lengths of 7 to 192 tokens."""
    generator = np.random.default_rng(0)
    lengths = np.clip(generator.gamma(3.0, 11.0, 3438).astype(np.int64) + 7, 7, 192)
    ids = [np.full(n, 8) for n in lengths]
    data = EncodedSplit(ids, lengths, np.zeros(len(ids)), np.zeros(len(ids), dtype=str), 0)
    stream = ReplayingStream("cpu")
    captured, computed = count_captures(data, stream)
    assert captured <= 20
    assert computed <= 50


def count_captures(data: EncodedSplit, stream: ReplayingStream) -> tuple[int, int]:
    """Return how many shapes a run of 240 steps of 16 captures, and how many steps it computes."""
    from polymath.training.batches import batch_shape, training_batches

    order = training_batches(data.lengths, 16, 0)
    shapes = [batch_shape(data.lengths, next(order), stream.buckets) for _ in range(240)]
    calls = 0

    def work(rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return rows.sum()

    repeated = CapturedFunction("step", work, stream, Counter(shapes))
    for shape in shapes:
        repeated(torch.zeros(shape.rows), shape)
    replays = sum(shape in repeated.graphs for shape in shapes) - len(repeated.graphs)
    return stream.captured, len(shapes) - replays
