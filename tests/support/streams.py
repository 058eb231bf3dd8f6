"""Stand-ins for a GPU's streams, on any device, and runs on them."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training.acceleration.cuda_graphs import Capture, ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.batches import EncodedSplit
from polymath.training.devices import configure_torch
from polymath.training.loop import Predictor, Run, train
from support.jobs import recipe_of, some_data


@contextmanager
def as_in_a_job() -> Iterator[None]:
    """Set up torch for a test on a GPU, and free the graphs of the test before, whose streams this
    one may share.
    """
    gc.collect()
    configure_torch(1)
    yield
    torch.cuda.synchronize()


class UncapturedStream(ReplicateStream):
    """A stream with the shapes of one that captures, on which every step is computed afresh."""

    @property
    def capture(self) -> Capture | None:
        return None

    @property
    def buckets(self) -> bool:
        return True


class ReplayingStream(ReplicateStream):
    """A stream that captures as a GPU does, but on the CPU: fixed inputs and outputs.

    Attributes:
        captured: how many captures there were.
    """

    captured = 0

    @property
    def capture(self) -> Capture:
        return self._capture_on_cpu

    def _capture_on_cpu(
        self, work: Callable[[], torch.Tensor]
    ) -> tuple[Callable[[], None], torch.Tensor]:
        self.captured += 1
        output = torch.full((), math.nan)

        def replay() -> None:
            result = work()
            output.resize_(result.shape).copy_(result)

        return replay, output


class RefusingStream(ReplicateStream):
    """A stream whose captures fail, as for a model that asks the device for a value."""

    refused = 0

    @property
    def capture(self) -> Capture:
        def refuse(work: Callable[[], torch.Tensor]) -> Any:
            self.refused += 1
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

        return refuse


def dropout_run(
    source: Path,
    seed: int,
    stream: ReplicateStream,
    *,
    dropout: float = 0.2,
    data: EncodedSplit | None = None,
    outputs: int = 3,
    **changes: Any,
) -> Run:
    """Return a run of 40 steps on a stream; its dev score is the sum of its logits.

    Args:
        source: a family's checkpoint.
        changes: of the recipe.
    """
    recipe = recipe_of(**{"evaluations": 6, **changes})
    precision = "bf16" if recipe.precision == "bf16" else "fp32"
    device = "cuda" if stream.on_gpu else "cpu"
    rows = some_data() if data is None else data
    with stream.activate():
        model = build_classifier(source, "pretrained", outputs, seed, dropout)
        apply_tuning(model, recipe, source, seed)
        model.to(device)
        prepare_for_training(model, precision)
        predictor = Predictor(model, rows, precision, stream, recipe.evaluations + 1)

        def score() -> Callable[[], float]:
            logits = predictor.queue()
            return lambda: float(logits().sum())

        return Run(model, rows, recipe, seed, seed, stream, precision, score)


def losses_of(*runs: Run) -> list[list[float]]:
    """Train runs side by side to their end; return the losses of each."""
    for _ in train(list(runs)):
        pass
    return [run.losses.tolist() for run in runs]
