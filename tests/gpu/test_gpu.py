"""What only a GPU can show: python -m pytest tests/gpu, on a machine that has one.

The tolerance of the engine on a GPU is stated here: losses of 56 steps in fp32 agree within
TOLERANCE (relative), however the same replicate is run.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training.acceleration.cuda_graphs import Capture, ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.devices import configure_torch
from polymath.training.loop import Predictor, Run, train
from support.families import families
from support.jobs import CLASSES, outputs_in, recipe_of, run_job, some_data, write_job

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

Checkpoint = Callable[[str], Path]
DEVICE = "cuda"
TOLERANCE = 1e-4


class UncapturedStream(ReplicateStream):
    """A stream in which every step is computed afresh."""

    @property
    def capture(self) -> Capture | None:
        return None


def make_run(
    checkpoint: Path, stream: ReplicateStream, seed: int = 1, dropout: float = 0.2, **changes: Any
) -> Run:
    recipe = recipe_of(evaluations=6, **changes)
    precision = "bf16" if recipe.precision == "bf16" else "fp32"
    with stream.activate():
        model = build_classifier(checkpoint, "pretrained", 3, seed, dropout)
        apply_tuning(model, recipe, checkpoint, seed)
        model.to(DEVICE)
        prepare_for_training(model, precision)
        data = some_data()
        predictor = Predictor(model, data, precision, stream.capture)
        return Run(model, data, recipe, seed, seed, stream, precision,
                   lambda: float(predictor().sum()))  # fmt: skip


def losses_of(runs: list[Run]) -> list[list[float]]:
    configure_torch(1)
    for _ in train(runs):
        pass
    torch.cuda.synchronize()
    return [run.losses.tolist() for run in runs]


@pytest.mark.parametrize("tuning", ["full", "head", "layer-norms", "lora"])
@pytest.mark.parametrize("family", families())
def test_replayed_steps_are_those_computed_afresh(
    family: str, tuning: str, checkpoint: Checkpoint
) -> None:
    # Shapes differ where lengths are rounded up, so dropout would draw other masks.
    replayed = make_run(checkpoint(family), ReplicateStream(DEVICE), dropout=0.0, tuning=tuning)
    afresh = make_run(checkpoint(family), UncapturedStream(DEVICE), dropout=0.0, tuning=tuning)
    (found,), (expected,) = losses_of([replayed]), losses_of([afresh])
    assert found == pytest.approx(expected, rel=TOLERANCE)
    assert replayed._compute.capture is not None, "recording was given up"
    assert replayed._compute._graphs


def test_the_gpu_computes_what_the_cpu_computes(checkpoint: Checkpoint) -> None:
    (found,) = losses_of([make_run(checkpoint("bert"), ReplicateStream(DEVICE), dropout=0.0)])
    stream = ReplicateStream("cpu")
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 1, 0.0)
    run = Run(model, some_data(), recipe_of(), 1, 1, stream, "fp32", lambda: 0.0)
    for _ in train([run]):
        pass
    assert found == pytest.approx(run.losses.tolist(), rel=10 * TOLERANCE)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_replicate_does_not_depend_on_those_beside_it(
    precision: str, checkpoint: Checkpoint
) -> None:
    source = checkpoint("bert")
    (alone,) = losses_of([make_run(source, ReplicateStream(DEVICE), 2, precision=precision)])
    group = [
        make_run(source, ReplicateStream(DEVICE), seed, precision=precision) for seed in (1, 2, 3)
    ]
    beside = losses_of(group)
    assert beside[1] == pytest.approx(alone, rel=TOLERANCE)
    assert beside[0] != pytest.approx(alone, rel=TOLERANCE)


@pytest.mark.parametrize("at", [1, 17, 55])
def test_a_run_restored_after_any_step_ends_as_if_it_had_not_stopped(
    at: int, checkpoint: Checkpoint
) -> None:
    straight = make_run(checkpoint("bert"), ReplicateStream(DEVICE))
    turns = train([straight])
    for _ in range(at):
        next(turns)
    state = {name: value.clone() for name, value in straight.state().items()}
    curve = list(straight.curve)
    resumed = make_run(checkpoint("bert"), ReplicateStream(DEVICE))
    resumed.restore(state, at, curve, 0.0)
    expected, found = losses_of([straight]), losses_of([resumed])
    assert found[0] == pytest.approx(expected[0], rel=TOLERANCE)
    assert all(math.isfinite(loss) for loss in found[0])


def test_a_condition_runs_from_tables_to_tables(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, replicates=3)
    said = run_job(job, tmp_path, models=True)
    assert any("3 replicates side by side" in line for line in said)
    outputs = outputs_in(tmp_path, models=True)
    assert outputs.predictions.exists()
    assert outputs.models is not None
    assert len(list(outputs.models.iterdir())) == 3
