"""What is the CPU's own: linear layers, against autocast and all rows; dropout."""

from typing import Any

import pytest
import torch

from polymath.models.build import build_classifier
from polymath.models.tuning import apply_tuning
from polymath.training.acceleration import cpu_kernels
from polymath.training.acceleration.cpu_kernels import fast_dropout, tune_model
from polymath.training.acceleration.first_position import compute_first_position_only
from polymath.training.batches import Batch
from polymath.training.loop import batch_loss, forward
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import recipe_of, some_batch


def gradients_of(model: Any, batch: Batch) -> dict[str, torch.Tensor]:
    model.zero_grad()
    batch_loss(model, batch, "bf16").backward()
    return {name: value.grad.clone() for name, value in model.named_parameters()
            if value.grad is not None}  # fmt: skip


@pytest.mark.parametrize("tuning", ["full", "head", "layer-norms", "lora"])
@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_the_layers_are_those_of_autocast(family: str, tuning: str, checkpoint: Checkpoint) -> None:
    """With frozen weights and with LoRA around them too."""
    batch = some_batch(padded=False)
    plain, tuned = (build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0) for _ in "ab")
    for model in (plain, tuned):
        apply_tuning(model, recipe_of(tuning=tuning, lora_rank=4), checkpoint(family), 0)
        torch.manual_seed(1)  # B is zero at first, and A has no gradient then
        for name, value in model.named_parameters():
            if ".lora_B." in name:
                torch.nn.init.normal_(value, std=0.01)
    plain.set_attn_implementation("eager")
    tune_model(tuned, "bf16")
    assert torch.equal(forward(plain, batch, "bf16"), forward(tuned, batch, "bf16"))
    expected, found = gradients_of(plain, batch), gradients_of(tuned, batch)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        scale = float(value.abs().max()) + 1e-6
        torch.testing.assert_close(found[name], value, rtol=0, atol=0.03 * scale, msg=name)


def test_the_layers_stay_as_they_are_in_fp32(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    tune_model(model, "fp32")
    assert not any("forward" in vars(module) for module in model.modules())


def test_layers_that_read_one_tensor_share_its_cast() -> None:
    shared, tensor = cpu_kernels.SharedCast(), torch.ones(3, 4)
    first = shared(tensor)
    assert shared(tensor) is first
    assert shared(torch.ones(3, 4)) is not first
    assert shared(first) is first


def test_a_cast_is_made_anew_when_its_tensor_has_changed_or_gradients_are_wanted() -> None:
    shared, parameter = cpu_kernels.SharedCast(), torch.nn.Parameter(torch.ones(3, 4))
    with torch.no_grad():
        assert not shared(parameter).requires_grad
    first = shared(parameter)
    assert first.requires_grad
    with torch.no_grad():
        parameter.mul_(2)
    assert torch.equal(shared(parameter), torch.full((3, 4), 2.0, dtype=torch.bfloat16))


@pytest.mark.parametrize("bias", [True, False])
def test_a_layers_gradients_are_exact_where_bf16_is(bias: bool) -> None:
    """Small whole numbers are exact in bf16, so every product and sum must be equal."""
    generator = torch.Generator().manual_seed(1)

    def whole_numbers(*shape: int) -> torch.Tensor:
        return torch.randint(-1, 2, shape, generator=generator).float()

    layer = torch.nn.Linear(6, 5, bias=bias)
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(whole_numbers(*value.shape))
    inputs = whole_numbers(3, 100, 6).requires_grad_()
    wanted = whole_numbers(3, 100, 5)
    gradients = []
    for output in (layer(inputs), cpu_kernels._forward(layer, cpu_kernels.SharedCast(), inputs)):
        output.backward(wanted.to(output.dtype))
        gradients.append([inputs.grad, *(value.grad for value in layer.parameters())])
        inputs.grad = None
        layer.zero_grad()
    for expected, found in zip(*gradients, strict=True):
        assert torch.equal(expected, found)


# Dropout from few random bits.


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_its_share_and_the_expectation(rate: float, dtype: torch.dtype) -> None:
    tensor = torch.ones(1000, 1001, dtype=dtype)
    with fast_dropout(3):
        dropped = torch.nn.functional.dropout(tensor, rate)
    kept = dropped != 0
    share, error = 1 - rate, (rate * (1 - rate) / tensor.numel()) ** 0.5
    assert abs(float(kept.double().mean()) - share) < 5 * error + 2**-16
    assert dropped.dtype == dtype
    assert dropped[kept].unique().numel() == 1
    assert float(dropped[kept][0]) == pytest.approx(1 / share, rel=5e-3)


def test_kept_entries_are_independent_of_their_neighbours() -> None:
    with fast_dropout(5):
        kept = torch.nn.functional.dropout(torch.ones(500, 2000), 0.5) != 0
    for shifted in (kept[:, 1:], kept[1:], kept[:, 4:], kept[:, 64:]):
        part = kept[: shifted.shape[0], : shifted.shape[1]]
        agreement = float((part == shifted).double().mean())
        assert abs(agreement - 0.5) < 5 * 0.5 / part.numel() ** 0.5


def test_gradients_go_where_values_were_kept_with_the_same_scale() -> None:
    tensor = torch.ones(40, 50, requires_grad=True)
    with fast_dropout(1):
        dropped = torch.nn.functional.dropout(tensor, 0.3)
    dropped.sum().backward()
    assert tensor.grad is not None
    assert torch.equal(tensor.grad, dropped.detach())


def test_masks_depend_on_the_seed_and_the_calls_before_alone() -> None:
    def draw(seed: int, threads: int) -> list[torch.Tensor]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        torch.manual_seed(threads)
        with fast_dropout(seed):
            masks = [torch.nn.functional.dropout(torch.ones(7, 9), 0.5) for _ in range(3)]
        torch.set_num_threads(before)
        return masks

    first, again, other = draw(1, 1), draw(1, 2), draw(2, 1)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[1])


def test_evaluation_and_rate_zero_change_nothing() -> None:
    tensor = torch.randn(5, 6)
    with fast_dropout(1):
        assert torch.equal(torch.nn.functional.dropout(tensor, 0.5, training=False), tensor)
        assert torch.equal(torch.nn.functional.dropout(tensor, 0.0), tensor)


def test_torchs_own_dropout_is_back_afterwards_even_after_an_error() -> None:
    before = torch.nn.functional.dropout
    with pytest.raises(ValueError, match="halt"), fast_dropout(1):
        raise ValueError("halt" if torch.nn.functional.dropout is not before else "not replaced")
    assert torch.nn.functional.dropout is before


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_every_dropout_of_a_model_draws_from_it(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "scratch", 3, 0, 0.5).train()
    tune_model(model, "fp32")
    compute_first_position_only(model)
    ids = torch.full((2, 9), 8)

    def logits(seed: int, noise: int) -> torch.Tensor:
        torch.manual_seed(noise)
        with torch.no_grad(), fast_dropout(seed):
            found: torch.Tensor = model(input_ids=ids).logits
        return found

    assert torch.equal(logits(1, 10), logits(1, 11)), "some dropout draws from torch's numbers"
    assert not torch.equal(logits(1, 10), logits(2, 10))
