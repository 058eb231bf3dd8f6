"""What a GPU's step has of its own, on the CPU against autocast and clip_grad_norm_."""

import copy
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training.acceleration.first_position import compute_first_position_only
from polymath.training.acceleration.gpu_kernels import (
    _products_of,
    clip_in_optimiser,
    use_weight_copies,
)
from polymath.training.loop import batch_loss, forward, make_optimiser
from polymath.training.masked_lm import build_masked_model, make_masking, masked_loss
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import recipe_of, some_batch


def assert_like(expected: torch.nn.Module, found: torch.nn.Module) -> None:
    """Gradients agree within what bf16 rounds, 3 % of the largest of each tensor."""
    for (name, left), right in zip(expected.named_parameters(), found.parameters(), strict=True):
        assert (left.grad is None) == (right.grad is None), name
        if left.grad is not None and not name.endswith("key.bias"):  # which is rounding alone
            assert right.grad is not None
            assert right.grad.dtype == torch.float32
            tolerance = 0.03 * float(left.grad.abs().max()) + 1e-6
            torch.testing.assert_close(right.grad, left.grad, rtol=0, atol=tolerance, msg=name)


@pytest.mark.parametrize("tuning", ["full", "head", "lora"])
@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_losses_and_gradients_are_those_of_autocast(
    family: str, tuning: str, checkpoint: Checkpoint
) -> None:
    """In two micro-batches, whose gradients add up."""
    plain = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    apply_tuning(plain, recipe_of(tuning=tuning), checkpoint(family), 0)
    compute_first_position_only(plain)
    copying = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    apply_tuning(copying, recipe_of(tuning=tuning), checkpoint(family), 0)
    compute_first_position_only(copying)
    use_weight_copies(copying)
    losses = []
    for model in (plain, copying):
        for rows in (16, 4):
            loss = batch_loss(model, some_batch(rows), "bf16")
            loss.backward()
            losses.append(float(loss.detach()))
    assert losses[2:] == pytest.approx(losses[:2], rel=5e-3)
    assert_like(plain, copying)


@pytest.mark.parametrize("family", families())
def test_pre_training_is_that_of_autocast(family: str, checkpoint: Checkpoint) -> None:
    plain, copying = (build_masked_model(checkpoint(family), "pretrained", 0, 0.0) for _ in "ab")
    use_weight_copies(copying)
    masking = make_masking({n: n for n in range(207)}, {0}, 1, 0.3, "cpu")
    losses = []
    for model in (plain, copying):
        torch.manual_seed(0)
        loss = masked_loss(masking)(model, some_batch(), "bf16")
        loss.backward()
        losses.append(float(loss.detach()))
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert_like(plain, copying)


def test_copies_follow_the_weights_and_frozen_ones_are_made_once(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0).eval()
    for value in model.bert.encoder.layer[0].parameters():
        value.requires_grad_(False)
    plain = copy.deepcopy(model)
    use_weight_copies(model)
    for _ in range(2):
        with torch.no_grad():
            found, expected = (forward(m, some_batch(), "bf16") for m in (model, plain))
            torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
            for each in (model, plain):
                each.classifier.weight.mul_(3)
                each.bert.encoder.layer[1].output.dense.weight.mul_(2)


def joined_names(model: Any) -> list[list[str]]:
    names = {id(module): name for name, module in model.named_modules()}
    return [
        [names[id(layer)].rpartition(".")[2] for layer in layers]
        for layers in _products_of(model)
        if len(layers) > 1
    ]


def test_query_key_and_value_are_one_product_where_they_read_one_tensor(
    checkpoint: Checkpoint,
) -> None:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    compute_first_position_only(model)
    assert joined_names(model) == [["query", "key", "value"], ["key", "value"]]
    lora = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    apply_tuning(lora, recipe_of(tuning="lora"), checkpoint("bert"), 0)
    assert joined_names(lora) == []


class Counting(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.calls[func._schema.name] = self.calls.get(func._schema.name, 0) + 1
        return func(*args, **(kwargs or {}))


def test_casts_and_products_are_fewer(checkpoint: Checkpoint) -> None:
    counts = []
    for copying in (False, True):
        model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
        if copying:
            use_weight_copies(model)
        with Counting() as counting:
            batch_loss(model, some_batch(), "bf16").backward()
        counts.append(counting.calls)
    linears = 14  # six in each of two layers, the pooler and the classifier
    assert counts[1]["aten::_foreach_copy_"] == 2, "one forward, one backward"
    casts, fewer = (count.get("aten::_to_copy", 0) for count in counts)
    assert casts - fewer >= 4 * linears, "weights and biases, and their gradients"
    products, left = (count["aten::addmm"] for count in counts)
    assert products - left == 4, "two in each layer"


@pytest.mark.parametrize("clip_norm", [0.01, 1.0, 1e6])
def test_clipping_in_the_optimiser_is_clipping_before_it(
    clip_norm: float, checkpoint: Checkpoint
) -> None:
    models = [build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0) for _ in "ab"]
    for place, model in enumerate(models):
        optimiser = make_optimiser(model, recipe_of(weight_decay=0.1))
        for group in optimiser.param_groups:
            group["lr"].fill_(1e-3)
        for rows in (16, 8, 4):
            optimiser.zero_grad()
            batch_loss(model, some_batch(rows), "fp32").backward()
            if place:
                clip_in_optimiser(optimiser, clip_norm)
            else:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimiser.step()
    for (name, expected), found in zip(
        models[0].named_parameters(), models[1].parameters(), strict=True
    ):
        if not name.endswith("key.bias"):  # Adam makes whole steps of what is rounding
            torch.testing.assert_close(found, expected, rtol=0, atol=2e-5, msg=name)
