"""The last encoder layer that computes the first position alone, against the whole one."""

from typing import Any

import pytest
import torch

from polymath.experiment.recipes import Recipe
from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training.acceleration.cpu_kernels import tune_model
from polymath.training.acceleration.first_position import compute_first_position_only
from polymath.training.batches import Batch
from polymath.training.loop import batch_loss, forward
from support.families import FAMILIES, Checkpoint, families
from support.jobs import some_batch

CUT = ["bert", "electra", "roberta"]


def gradients_of(model: Any, batch: Batch) -> dict[str, torch.Tensor]:
    batch_loss(model, batch, "fp32").backward()
    return {n: v.grad for n, v in model.named_parameters() if v.grad is not None}


def assert_like(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    """Each tensor is that of the other, within a thousandth of its largest entry.

    A key's bias is left out: attention does not depend on it, so its gradient is rounding.
    """
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if not name.endswith("key.bias"):
            tolerance = 1e-3 * float(value.abs().max())
            torch.testing.assert_close(found[name], value, rtol=0, atol=tolerance, msg=name)


def feed_forward_shapes(model: Any, batch: Batch) -> list[tuple[int, ...]]:
    """Return the shape of what each encoder layer's feed-forward part gives."""
    shapes: list[tuple[int, ...]] = []
    for layer in model.base_model.encoder.layer:
        layer.intermediate.register_forward_hook(
            lambda module, inputs, output: shapes.append(tuple(output.shape))
        )
    forward(model, batch, "fp32")
    return shapes


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("family", families(CUT))
def test_logits_and_gradients_are_those_of_the_whole_layer(
    family: str, padded: bool, attention: str, checkpoint: Checkpoint
) -> None:
    batch = some_batch(8, 12, padded=padded)
    whole, cut = (build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0) for _ in "ab")
    for model in (whole, cut):
        model.set_attn_implementation(attention)
    compute_first_position_only(cut)
    torch.testing.assert_close(
        forward(cut, batch, "fp32"), forward(whole, batch, "fp32"), rtol=0, atol=1e-6
    )
    expected, found = gradients_of(whole, batch), gradients_of(cut, batch)
    assert_like(expected, found)


@pytest.mark.parametrize("family", families(CUT))
def test_only_the_last_layer_is_cut(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    compute_first_position_only(model)
    assert feed_forward_shapes(model, some_batch(8, 12)) == [(8, 12, 64), (8, 1, 64)]


@pytest.mark.parametrize("family", families(set(FAMILIES) - set(CUT)))
def test_models_of_other_families_stay_as_they_are(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    compute_first_position_only(model)
    for module in model.modules():
        assert "forward" not in vars(module)
        assert not module._forward_pre_hooks


def test_low_rank_additions_to_the_last_layer_are_trained_as_before(
    checkpoint: Checkpoint,
) -> None:
    recipe = Recipe(learning_rate=1e-3, batch_size=8, steps=1, tuning="lora", lora_rank=2)
    models = []
    for _ in "ab":
        model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
        apply_tuning(model, recipe, checkpoint("bert"), 0)
        models.append(model)
    whole, cut = models
    compute_first_position_only(cut)
    expected, found = (gradients_of(model, some_batch(8, 12)) for model in (whole, cut))
    assert any("layer.1.attention.self.query.lora_" in name for name in found)
    assert_like(expected, found)


@pytest.mark.parametrize("family", families(CUT))
def test_it_goes_with_what_the_cpu_has_of_its_own(family: str, checkpoint: Checkpoint) -> None:
    batch = some_batch(8, 12)
    whole, cut = (build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0) for _ in "ab")
    for model in (whole, cut):
        tune_model(model, "bf16")
    compute_first_position_only(cut)
    torch.testing.assert_close(
        forward(cut, batch, "bf16"), forward(whole, batch, "bf16"), rtol=0, atol=0.02
    )
