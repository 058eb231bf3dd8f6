"""What each tuning trains, tensor by tensor, for every family; and LoRA's start and end."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers.pytorch_utils import Conv1D

from polymath.models.build import build_classifier
from polymath.models.compact_embeddings import compact_embeddings, restore_vocabulary
from polymath.models.tuning import apply_tuning, head_names, merged_weights
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.acceleration.side_by_side import BYTES_FROZEN, MARGIN, estimate_memory
from polymath.training.batches import Batch
from polymath.training.loop import Run, forward
from polymath.training.replicate import ConditionInputs
from polymath.util.errors import PolymathError
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import CLASSES, recipe_of, run_job, some_data, write_job

Weights = dict[str, torch.Tensor]
TUNINGS = ["full", "head", "layer-norms", "lora"]
# What a checkpoint of a masked language model lacks.
HEADS = {
    "bert": ("bert.pooler.", "classifier."),
    "roberta": ("classifier.",),
    "albert": ("albert.pooler.", "classifier."),
    "electra": ("classifier.",),
    "distilbert": ("pre_classifier.", "classifier."),
    "modernbert": ("classifier.",),  # the dense layer before it is its language model's
    "deberta-v2": ("pooler.", "classifier."),
    "esm": ("classifier.",),
    "gpt2": ("score.",),
    "llama": ("score.",),
    "modernbert-decoder": ("head.", "classifier."),
}
# ESM's layer for contact maps has no part in classification.
IDLE = "contact_head"


@pytest.fixture(params=families(CLASSIFIERS))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tuned(folder: Path, tuning: str, init: str = "pretrained", seed: int = 0) -> Any:
    model = build_classifier(folder, init, 3, seed, 0.0)
    apply_tuning(model, recipe_of(tuning=tuning, lora_rank=4), folder, seed)
    return model


def weights_of(model: Any) -> Weights:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def train(model: Any, tuning: str, steps: int = 4) -> None:
    recipe = recipe_of(tuning=tuning, steps=steps, weight_decay=0.1)
    run = Run(model, some_data(), recipe, 3, 0, ReplicateStream("cpu"), "fp32", lambda: lambda: 0.0)
    while not run.ended:
        run.advance()
    assert torch.isfinite(run.losses).all()


def expected_to_change(name: str, tuning: str, family: str) -> bool:
    if IDLE in name:
        return False
    if tuning == "full" or name.startswith(HEADS[family]):
        return True
    is_norm = re.search(r"norm|\bln_", name.lower())
    return (tuning == "layer-norms" and bool(is_norm)) or ".lora_" in name


@pytest.mark.parametrize("init", ["pretrained", "scratch"])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_training_changes_what_the_tuning_says_and_nothing_else(
    tuning: str, init: str, family: str, checkpoint: Checkpoint
) -> None:
    model = tuned(checkpoint(family), tuning, init)
    before = weights_of(model)
    train(model, tuning)
    after = weights_of(model)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    names = [name for name, _ in model.named_parameters()]
    assert changed == {name for name in names if expected_to_change(name, tuning, family)}
    assert len(changed) < len(after) or tuning == "full"


def test_low_rank_matrices_are_added_to_every_linear_layer_but_the_head(
    family: str, checkpoint: Checkpoint
) -> None:
    plain = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    layers = {
        name
        for name, module in plain.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and not f"{name}.".startswith(HEADS[family])
    }
    model = tuned(checkpoint(family), "lora")
    found = {name for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    assert found == layers
    assert len(found) >= 6
    for name, value in model.named_parameters():
        assert ".lora_A." not in name or value.shape[0] == 4
        assert ".lora_B." not in name or value.shape[1] == 4


def test_the_head_has_the_output_layer_but_no_pooler_that_the_checkpoint_has(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    for file in checkpoint("bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights |= {"bert.pooler.dense.weight": torch.eye(32), "bert.pooler.dense.bias": torch.ones(32)}
    weights |= {"classifier.weight": torch.zeros(3, 32), "classifier.bias": torch.zeros(3)}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    for init in ("pretrained", "scratch"):
        model = build_classifier(tmp_path, init, 3, 0, 0.0)
        assert head_names(model, tmp_path) == {"classifier.weight", "classifier.bias"}
    (tmp_path / "model.safetensors").unlink()
    assert head_names(model, tmp_path) == {
        "classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias"
    }  # fmt: skip


def test_lora_begins_as_the_model_it_is_added_to(family: str, checkpoint: Checkpoint) -> None:
    batch = Batch(torch.randint(7, 200, (4, 12)), None, torch.zeros(4))
    plain = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0).eval()
    assert torch.equal(
        forward(plain, batch, "fp32"),
        forward(tuned(checkpoint(family), "lora").eval(), batch, "fp32"),
    )


def test_loras_random_matrices_depend_on_the_seed_alone(checkpoint: Checkpoint) -> None:
    def drawn(init: str, seed: int) -> Weights:
        weights = weights_of(tuned(checkpoint("bert"), "lora", init, seed))
        return {name: value for name, value in weights.items() if ".lora_A." in name}

    torch.manual_seed(1)
    first = drawn("pretrained", 0)
    torch.manual_seed(2)
    again, another = drawn("scratch", 0), drawn("pretrained", 1)
    assert len(first) == 12
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert not torch.equal(value, another[name])
        assert value.std() > 0


def test_merging_is_that_of_peft(family: str, checkpoint: Checkpoint) -> None:
    model = tuned(checkpoint(family), "lora")
    untrained = merged_weights(model)
    train(model, "lora")
    merged, theirs = merged_weights(model), copy.deepcopy(model)
    compared = 0
    for name, layer in theirs.named_modules():
        if isinstance(layer, LoraLayer):
            layer.merge()
            ours = merged[f"{name}.weight"]
            torch.testing.assert_close(ours, layer.base_layer.weight, rtol=0, atol=1e-7)
            compared += IDLE in name or not torch.equal(ours, untrained[f"{name}.weight"])
    assert compared >= 6
    plain = build_classifier(checkpoint(family), "scratch", 3, 9, 0.0)
    assert merged.keys() == plain.state_dict().keys()


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_compact_model_is_restored_whole(
    tuning: str, family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    small = build_classifier(folder, "pretrained", 3, 0, 0.0)
    tokens = compact_embeddings(small, [*range(7), *range(60, 130)])
    apply_tuning(small, recipe_of(tuning=tuning), folder, 0)
    train(small, tuning)
    whole = build_classifier(folder, "pretrained", 3, 0, 0.0)
    untrained = whole.get_input_embeddings().weight.detach().clone()
    restore_vocabulary(whole, small, tokens)
    ids = torch.tensor([[2, 61, 62, 63, 120, 3], [2, 129, 62, 71, 64, 3]])
    renamed = ids.clone().apply_(lambda token: tokens[token])
    logits = [
        forward(model.eval(), Batch(tensor, None, torch.zeros(2)), "fp32")
        for model, tensor in ((whole, ids), (small, renamed))
    ]
    torch.testing.assert_close(*logits, rtol=0, atol=1e-5)
    assert torch.equal(whole.get_input_embeddings().weight, untrained) == (tuning != "full")


@pytest.mark.parametrize("tuning", ["head", "layer-norms", "lora"])
def test_frozen_weights_are_in_no_checkpoint(tuning: str, checkpoint: Checkpoint) -> None:
    model, recipe = tuned(checkpoint("bert"), tuning), recipe_of(tuning=tuning)
    run = Run(model, some_data(), recipe, 3, 0, ReplicateStream("cpu"), "fp32", lambda: lambda: 0.0)
    frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
    assert len(frozen) > 10
    assert not {f"model.{name}" for name in frozen} & run.state().keys(), "they do not change"


@pytest.mark.parametrize("tuning", ["layer-norms", "lora"])
def test_a_model_without_such_layers_is_refused(tuning: str, checkpoint: Checkpoint) -> None:
    kinds = {"layer-norms": torch.nn.LayerNorm, "lora": torch.nn.Linear}
    model = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    for module in list(model.base_model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, kinds[tuning]):
                setattr(module, name, torch.nn.Identity())
    message = rf"tuning {tuning}: a bert model has no (layer norms|linear layers outside its head)"
    with pytest.raises(PolymathError, match=message):
        apply_tuning(model, recipe_of(tuning=tuning), checkpoint("bert"), 0)


def test_results_carry_pefts_version_under_lora(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for tuning, expected in (("head", False), ("lora", True)):
        job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe={"tuning": tuning})
        assert ("peft" in ConditionInputs(job, "cpu").machine()) == expected


def test_the_log_says_how_much_is_trained(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, replicates=1, recipe={"tuning": "head"})
    (line,) = [line for line in run_job(job, tmp_path) if "M parameters" in line]
    trained = (32 * 32 + 32 + 2 * 32 + 2) / 1e6
    assert f"M parameters, {trained:.2g} M of them trained, fp32" in line


def test_frozen_parameters_take_less_memory(checkpoint: Checkpoint) -> None:
    batch = Batch(torch.full((1, 2), 8), None, torch.zeros(1))
    full, head = (
        estimate_memory(tuned(checkpoint("bert"), name), batch, "fp32") for name in ("full", "head")
    )
    model = tuned(checkpoint("bert"), "head")
    trained = model.num_parameters(only_trainable=True)
    frozen = model.num_parameters() - trained
    least = MARGIN * (16 * trained + BYTES_FROZEN * frozen)
    assert least < head < least + 4000
    assert full - head > MARGIN * 12 * frozen - 1


def test_peft_is_imported_for_lora_alone() -> None:
    program = "import sys, polymath.training.finetune; print('peft' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr
