"""A step that a GPU records must not wait for the device, nor copy to it: here on torch's meta
device, which has no values to ask for."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel

from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training import loop
from polymath.training.acceleration import prepare
from polymath.training.acceleration.gpu_kernels import clip_in_optimiser
from polymath.training.acceleration.prepare import cache_relative_positions, prepare_for_training
from polymath.training.batches import Batch, BatchShape, DeviceSplit, gather_batch
from polymath.training.loop import batch_loss, forward
from polymath.training.masked_lm import build_masked_model, make_masking, masked_loss
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import recipe_of

DEVICE = "meta"
ROWS, LENGTH, VOCABULARY = 6, 12, 20
# Llama's queries are fp32 and its values bf16: autocast makes them one on a GPU, and not here.
ON_META = set(CLASSIFIERS) - {"llama"}


class CopiedError(Exception):
    pass


class NothingCopied(TorchDispatchMode):
    """Refuses copies between host and device, which wait; the meta device itself has no values."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if (name := func._schema.name) in ("aten::_to_copy", "aten::copy_"):
            source = args[1] if name == "aten::copy_" else args[0]
            if source.device != result.device:
                raise CopiedError(f"a copy from {source.device} to {result.device}")
        return result


@pytest.fixture(autouse=True)
def as_if_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let transformers think that a stream is being captured; the meta device has no autocast."""
    monkeypatch.setattr("transformers.utils.import_utils.is_cuda_stream_capturing", lambda: True)
    monkeypatch.setattr(loop, "autocast", lambda device, precision: nullcontext())


def record(
    model: PreTrainedModel,
    loss: loop.Loss,
    padded: bool,
    warm_up: bool = True,
    shape: tuple[int, ...] = (),
) -> None:
    """Make a step and a prediction once, as before a capture, and once as in one."""
    prepare_for_training(model.to(DEVICE), "bf16")
    lengths = torch.full((9,), LENGTH, device=DEVICE)
    ids = torch.full((9, LENGTH), 8, device=DEVICE)
    targets = torch.zeros(9, *shape, dtype=torch.float64, device=DEVICE)
    data = DeviceSplit(ids, lengths, targets, None)
    rows = torch.arange(ROWS, device=DEVICE)
    trained = [value for value in model.parameters() if value.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.1)

    def step() -> None:
        batch = gather_batch(data, rows, BatchShape(ROWS, LENGTH, padded))
        loss(model.train(), batch, "bf16").backward()
        clip_in_optimiser(optimiser, 1.0)
        with torch.no_grad():
            loss(model.eval(), batch, "bf16")

    if warm_up:
        step()
    with NothingCopied():
        step()


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("tuning", ["full", "head", "layer-norms", "lora"])
@pytest.mark.parametrize("family", families(ON_META))
def test_a_step_asks_nothing_of_the_device(
    family: str, tuning: str, padded: bool, checkpoint: Checkpoint
) -> None:
    model = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.1)
    apply_tuning(model, recipe_of(tuning=tuning), checkpoint(family), 0)
    record(model, batch_loss, padded)


def test_a_step_on_sets_of_labels_asks_nothing_of_the_device(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.1)
    record(model, batch_loss, padded=True, shape=(3,))


@pytest.mark.parametrize("family", families())
def test_a_step_of_pre_training_asks_nothing_of_the_device(
    family: str, checkpoint: Checkpoint
) -> None:
    model = build_masked_model(checkpoint(family), "pretrained", 0, 0.1)
    masking = make_masking({n: n for n in range(VOCABULARY)}, {0}, 1, 0.15, DEVICE)
    record(model, masked_loss(masking), padded=True)


@pytest.mark.parametrize("family", families(ON_META))
def test_a_shape_that_another_replicate_computed_needs_no_warm_up(
    family: str, checkpoint: Checkpoint
) -> None:
    for warm_up in (True, False):
        model = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.1)
        record(model, batch_loss, padded=True, warm_up=warm_up)


def test_a_table_of_positions_made_in_a_step_is_noticed(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "cache_relative_positions", lambda model: None)
    model = build_classifier(checkpoint("deberta-v2"), "pretrained", 3, 0, 0.1)
    with pytest.raises(CopiedError, match="a copy from cpu"):
        record(model, batch_loss, padded=True)


def test_a_value_asked_for_is_noticed(checkpoint: Checkpoint) -> None:
    def curious(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
        loss = batch_loss(model, batch, precision)
        return loss if loss.isfinite() else 2 * loss

    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.1)
    with pytest.raises(RuntimeError, match="meta"):
        record(model, curious, padded=True)


def test_positions_are_made_once_for_each_length(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, keeping = (
        build_classifier(checkpoint("deberta-v2"), "pretrained", 3, 0, 0.0).eval() for _ in "ab"
    )
    made: list[int] = []
    compute = keeping.base_model.encoder.get_rel_pos

    def counted(states: torch.Tensor) -> torch.Tensor:
        made.append(states.shape[-2])
        return compute(states)

    monkeypatch.setattr(keeping.base_model.encoder, "get_rel_pos", counted)
    monkeypatch.setattr(prepare, "_POSITIONS", {})
    cache_relative_positions(keeping)
    generator = torch.Generator().manual_seed(0)
    for rows, length in ((4, 12), (2, 12), (3, 20), (4, 12)):
        ids = torch.randint(7, 20, (rows, length), generator=generator)
        batch = Batch(ids, None, torch.zeros(rows))
        assert torch.equal(forward(keeping, batch, "fp32"), forward(plain, batch, "fp32"))
    assert made == [12, 20]
