"""What only a GPU can show: python -m pytest tests/gpu, on a machine that has one.

The tolerance of the engine on a GPU is stated here: losses of 40 steps in fp32 agree within
TOLERANCE (relative), however the same replicate is run; in bf16 within BF16_TOLERANCE.
"""

import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForSequenceClassification

from polymath.training.acceleration.cuda_graphs import (
    CapturedFunction,
    CaptureHistory,
    ReplicateStream,
)
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.acceleration.side_by_side import estimate_memory
from polymath.training.batches import BatchShape, EncodedSplit, gather_batch
from polymath.training.loop import Predictor, Run, train
from polymath.training.masked_lm import build_masked_model, make_masking, masked_loss
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import recipe_of, some_data
from support.streams import UncapturedStream, as_in_a_job, dropout_run, losses_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

DEVICE = "cuda"
TOLERANCE, BF16_TOLERANCE = 1e-4, 1e-2


@pytest.fixture(autouse=True)
def _as_in_a_job() -> Iterator[None]:
    with as_in_a_job():
        yield


def tolerance_of(precision: str) -> float:
    return BF16_TOLERANCE if precision == "bf16" else TOLERANCE


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("tuning", ["full", "head", "layer-norms", "lora"])
@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_replayed_steps_are_those_computed_afresh(
    family: str, tuning: str, precision: str, checkpoint: Checkpoint
) -> None:
    replayed, afresh = (
        dropout_run(checkpoint(family), 1, stream, dropout=0.0, tuning=tuning, precision=precision)
        for stream in (ReplicateStream(DEVICE), UncapturedStream(DEVICE))
    )
    (found,), (expected,) = losses_of(replayed), losses_of(afresh)
    assert found == pytest.approx(expected, rel=tolerance_of(precision))
    assert all(math.isfinite(loss) for loss in found)
    assert replayed._compute.capture is not None, "capturing was given up"
    assert replayed._compute.graphs


@pytest.mark.parametrize(
    "changes",
    [{}, {"accumulation": 2, "clip_norm": None, "weight_decay": 0.1}, {"precision": "bf16"}],
    ids=["plain", "accumulation", "bf16"],
)
def test_replays_draw_the_dropout_of_steps_computed_afresh(
    changes: dict[str, Any], checkpoint: Checkpoint
) -> None:
    runs = [
        dropout_run(checkpoint("bert"), 1, stream, **changes)
        for stream in (ReplicateStream(DEVICE), UncapturedStream(DEVICE))
    ]
    found, expected = (losses_of(run)[0] for run in runs)
    assert found == expected
    scores = [[point.dev_score for point in run.curve] for run in runs]
    assert scores[0] == pytest.approx(scores[1], rel=TOLERANCE)
    for left, right in zip(*(run.model.parameters() for run in runs), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-4)


def test_replays_of_pairs_use_their_token_types(checkpoint: Checkpoint) -> None:
    data = some_data()
    types = [(np.arange(length) >= length // 2).astype(np.int64) for length in data.lengths]
    pairs = replace(data, types=types)
    found, expected, without = (
        losses_of(dropout_run(checkpoint("bert"), 1, stream, data=split))[0]
        for stream, split in (
            (ReplicateStream(DEVICE), pairs),
            (UncapturedStream(DEVICE), pairs),
            (UncapturedStream(DEVICE), data),
        )
    )
    assert found == pytest.approx(expected, rel=TOLERANCE)
    assert found != pytest.approx(without, rel=TOLERANCE)


def masked_run(source: Path, stream: ReplicateStream, precision: str) -> Run:
    """A run that pre-trains, with dropout."""
    with stream.activate():
        model = build_masked_model(source, "pretrained", 1, 0.2).to(DEVICE)
        prepare_for_training(model, precision)
        tokens = {token: token for token in range(model.config.vocab_size)}
        masking = make_masking(tokens, set(range(5)), 4, 0.15, DEVICE)
        return Run(model, some_data(), recipe_of(), 1, 1, stream, precision, lambda: lambda: 0.0,
                   masked_loss(masking))  # fmt: skip


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_replays_of_pre_training_draw_the_masks_of_steps_computed_afresh(
    precision: str, checkpoint: Checkpoint
) -> None:
    found, expected = (
        losses_of(masked_run(checkpoint("bert"), stream, precision))[0]
        for stream in (ReplicateStream(DEVICE), UncapturedStream(DEVICE))
    )
    assert found == pytest.approx(expected, rel=tolerance_of(precision))


def base_size_run(stream: ReplicateStream, rows: int, length: int) -> Run:
    """A run of ten steps of a model of BERT-base's size, half of its rows with padding."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("bert", num_labels=3)
    model = AutoModelForSequenceClassification.from_config(config)
    count = 10 * rows
    lengths = np.where(np.arange(count) % 2, length, length - 5)
    ids = [np.resize(np.arange(1000, 1024), n) for n in lengths]
    targets, items = np.arange(count) % 3, np.arange(count).astype(str)
    data = EncodedSplit(ids, lengths, targets.astype(float), items, 0)
    recipe = recipe_of(steps=10, batch_size=rows, learning_rate=1e-5)
    with stream.activate():
        model.to(DEVICE)
        prepare_for_training(model, "bf16")
        return Run(model, data, recipe, 1, 1, stream, "bf16", lambda: lambda: 0.0)


@pytest.mark.parametrize(("rows", "length"), [(16, 62), (16, 64), (32, 128)])
def test_replays_at_full_size_with_padding_are_steps_computed_afresh(
    rows: int, length: int
) -> None:
    found, expected = (
        losses_of(base_size_run(stream, rows, length))[0]
        for stream in (ReplicateStream(DEVICE), UncapturedStream(DEVICE))
    )
    assert found == pytest.approx(expected, rel=BF16_TOLERANCE)
    assert all(math.isfinite(loss) for loss in found)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_gpu_computes_what_the_cpu_computes(precision: str, checkpoint: Checkpoint) -> None:
    found, expected = (
        losses_of(
            dropout_run(checkpoint("bert"), 1, ReplicateStream(device), dropout=0.0,
                        precision=precision)
        )[0]
        for device in (DEVICE, "cpu")
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=10 * tolerance_of(precision))


@pytest.mark.parametrize("outputs", [1, 3])
def test_regression_and_classification_predict_with_the_weights_of_the_moment(
    outputs: int, checkpoint: Checkpoint
) -> None:
    stream = ReplicateStream(DEVICE)
    run = dropout_run(checkpoint("bert"), 1, stream, outputs=outputs, evaluations=10)
    losses_of(run)
    afresh = Predictor(run.model, some_data(), "fp32", UncapturedStream(DEVICE), 1)
    assert run.curve[-1].dev_score == pytest.approx(float(afresh().sum()), rel=TOLERANCE)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_replicate_does_not_depend_on_those_beside_it(
    precision: str, checkpoint: Checkpoint
) -> None:
    """More replicates than torch has streams: two of them share one."""
    source, history = checkpoint("bert"), CaptureHistory()
    alone = dropout_run(source, 2, ReplicateStream(DEVICE), precision=precision)
    (expected,) = losses_of(alone)
    group = [
        dropout_run(source, seed, ReplicateStream(DEVICE, history), precision=precision)
        for seed in range(33)
    ]
    beside = losses_of(*group)
    assert beside[2] == pytest.approx(expected, rel=tolerance_of(precision))
    assert beside[0] != pytest.approx(expected, rel=tolerance_of(precision))


def test_a_replicate_that_diverges_leaves_the_others_alone(checkpoint: Checkpoint) -> None:
    good = dropout_run(checkpoint("bert"), 2, ReplicateStream(DEVICE))
    bad = dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE))
    with torch.no_grad():
        bad.model.classifier.weight.fill_(math.nan)
    (expected,) = losses_of(dropout_run(checkpoint("bert"), 2, ReplicateStream(DEVICE)))
    assert losses_of(bad, good)[1] == pytest.approx(expected, rel=TOLERANCE)
    assert bad.divergence


@pytest.mark.parametrize("at", [1, 17, 39])
def test_a_run_restored_after_any_step_ends_as_if_it_had_not_stopped(
    at: int, checkpoint: Checkpoint
) -> None:
    straight = dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE))
    turns = train([straight])
    for _ in range(at):
        next(turns)
    state = {name: value.clone() for name, value in straight.state().items()}
    curve = list(straight.curve)
    resumed = dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE))
    resumed.restore(state, at, curve, 0.0)
    expected, found = losses_of(straight), losses_of(resumed)
    assert found[0] == pytest.approx(expected[0], rel=TOLERANCE)
    assert all(math.isfinite(loss) for loss in found[0])


def test_a_predictor_that_is_dropped_leaves_the_run_alone(checkpoint: Checkpoint) -> None:
    (expected,) = losses_of(dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE)))
    run = dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE))
    turns = train([run])
    for _ in range(20):
        next(turns)
    with run.stream.activate():
        predictor = Predictor(run.model, some_data(), "fp32", run.stream, 20)
        for _ in range(5):
            predictor()
    del predictor
    gc.collect()
    assert losses_of(run)[0] == pytest.approx(expected, rel=TOLERANCE)


def dropping_work(curious: bool) -> Callable[[torch.Tensor, BatchShape], torch.Tensor]:
    values = torch.ones(1000, device=DEVICE)

    def work(rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        kept = F.dropout(values, 0.5).sum()
        if curious:
            kept.item()
        return kept

    return work


def test_after_a_capture_that_fails_dropout_goes_on_and_others_capture() -> None:
    shape, rows = BatchShape(2, 2, False), torch.zeros(2, dtype=torch.long, device=DEVICE)
    for curious in (True, False):
        stream = ReplicateStream(DEVICE)
        repeated = CapturedFunction("work", dropping_work(curious), stream, Counter({shape: 20}))
        sums = []
        for step in range(8):
            with stream.activate(), stream.seeded(step // 2):
                sums.append(float(repeated(rows, shape)))
        assert sums[::2] == sums[1::2]
        assert bool(repeated.graphs) != curious


@pytest.mark.parametrize(("length", "queries", "masked"), [(64, 64, True), (128, 1, False)])
def test_attentions_gradients_are_finite_where_all_scores_are_low(
    length: int, queries: int, masked: bool
) -> None:
    """Where cuDNN's are not: pytorch issue 196678, cudnn-frontend issue 1072."""
    torch.manual_seed(0)
    sizes = {"q": queries, "k": length, "v": length}
    q, k, v = (
        0.1 * torch.randn(2, 2, size, 64, device=DEVICE, dtype=torch.bfloat16)
        for size in sizes.values()
    )
    q[..., 0], k[..., 0] = 1, -120 * 8
    inputs = q.requires_grad_(), k.requires_grad_(), v.requires_grad_()
    mask = torch.ones(2, 1, queries, length, device=DEVICE, dtype=torch.bool)
    made = F.scaled_dot_product_attention(q, k, v, attn_mask=mask if masked else None)
    made.backward(torch.randn_like(made))
    for tensor in inputs:
        assert tensor.grad is not None
        assert bool(tensor.grad.isfinite().all())


@pytest.mark.parametrize(("rows", "length"), [(8, 19), (64, 19)])
def test_the_estimate_of_memory_is_enough(rows: int, length: int, checkpoint: Checkpoint) -> None:
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    stream = ReplicateStream(DEVICE)
    run = dropout_run(checkpoint("bert"), 1, stream, batch_size=rows)
    with stream.activate():
        places = torch.arange(rows, device=DEVICE)
        batch = gather_batch(run.data, places, BatchShape(rows, length, True))
        needed = estimate_memory(run.model, batch, "fp32")
    losses_of(run)
    # The libraries' workspaces do not grow with the model: 64 MiB are theirs.
    assert torch.cuda.max_memory_allocated() - before <= needed + 2**26


def test_a_replay_is_much_faster_than_a_step_computed_afresh(checkpoint: Checkpoint) -> None:
    data = some_data(256)
    seconds = []
    for stream in (ReplicateStream(DEVICE), UncapturedStream(DEVICE)):
        run = dropout_run(checkpoint("bert"), 1, stream, data=data, steps=400, evaluations=1)
        for _ in range(300):
            run.advance()
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(90):
            run.advance()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    assert seconds[0] < seconds[1] / 3


def test_lengths_of_full_blocks_are_trained_without_nan(checkpoint: Checkpoint) -> None:
    data = some_data(64)
    lengths = np.where(np.arange(64) % 4 == 0, 20, 64)
    ids = [np.resize(row, n) for row, n in zip(data.ids, lengths, strict=True)]
    data = type(data)(ids, lengths, data.targets, data.items, 0)
    run = dropout_run(checkpoint("bert"), 1, ReplicateStream(DEVICE), data=data, precision="bf16")
    assert all(math.isfinite(loss) for loss in losses_of(run)[0])
