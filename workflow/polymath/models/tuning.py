"""Tuning: which of a model's parameters fine-tuning trains, all or a head with little else.

Source of low-rank adaptation: E. Hu et al., LoRA: low-rank adaptation of large language models,
ICLR 2022, as peft implements it.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from polymath.experiment.recipes import Recipe
from polymath.models.parts import LINEAR, norm_names
from polymath.util.errors import PolymathError
from polymath.util.seeds import named_seed

# The addition to a matrix is B @ A times this, whatever the rank.
LORA_SCALE = 2
ADDED = ".lora_"


def apply_tuning(model: PreTrainedModel, recipe: Recipe, folder: Path, seed: int) -> None:
    """Freeze what the recipe does not train; add LoRA's matrices if it asks for them.

    - full: everything is trained.
    - head: the head alone; see `head_names`.
    - layer-norms: the head, and all layer norms.
    - lora: the head, and low-rank additions to the matrices of all other linear layers.

    Frozen layers stay in training mode: their dropout is on, as in transformers' Trainer.

    Args:
        model: on the CPU, its embeddings compact or not.
        folder: of the checkpoint, whatever the initialisation.
        seed: of LoRA's random matrices, from a stream of its own; the same in all initialisations.

    Raises:
        PolymathError: if the model has no layer that the recipe asks to train.
    """
    if recipe.tuning == "full":
        return
    trained = head_names(model, folder)
    if recipe.tuning == "layer-norms":
        norms = norm_names(model)
        _require(norms, "layer norms", model, recipe)
        trained |= norms
    elif recipe.tuning == "lora":
        layers = _linear_layers(model, trained)
        _require(layers, "linear layers outside its head", model, recipe)
        _add_matrices(model, layers, recipe.lora_rank, seed)
    for name, value in model.named_parameters():
        value.requires_grad_(name in trained or ADDED in name)


def head_names(model: PreTrainedModel, folder: Path) -> set[str]:
    """Return the names of the parameters that are new under the initialisation `pretrained`.

    They are those outside the encoder and those of its pooler that the checkpoint lacks, and the
    output layer in any case. They are the same in all initialisations.
    """
    encoder = {id(value) for value in model.base_model.parameters()}
    stored = _stored_names(folder / "model.safetensors")
    has_pooler = any("pooler" in name for name in stored)

    def is_new(name: str, value: torch.Tensor) -> bool:
        if id(value) in encoder:
            return "pooler" in name and not has_pooler
        return name not in stored or len(value) == model.config.num_labels

    return {name for name, value in model.named_parameters() if is_new(name, value)}


def _stored_names(weights: Path) -> set[str]:
    if not weights.is_file():  # a model without weights
        return set()
    with safe_open(weights, framework="pt") as file:
        return set(file.keys())


def _linear_layers(model: PreTrainedModel, head: set[str]) -> set[str]:
    return {
        name
        for name, module in model.named_modules()
        if isinstance(module, LINEAR) and f"{name}.weight" not in head
    }


def _require(names: set[str], what: str, model: PreTrainedModel, recipe: Recipe) -> None:
    if not names:
        raise PolymathError(
            f"recipe: tuning {recipe.tuning}: a {model.config.model_type} model has no {what}: "
            "use another tuning, or exclude the recipe for this model"
        )


def _add_matrices(model: PreTrainedModel, layers: set[str], rank: int, seed: int) -> None:
    from peft import LoraConfig, inject_adapter_in_model  # takes seconds to import

    torch.manual_seed(named_seed(seed, "lora"))
    config = LoraConfig(
        r=rank,
        lora_alpha=LORA_SCALE * rank,
        lora_dropout=0.0,
        target_modules=layers,
        fan_in_fan_out=any(isinstance(model.get_submodule(name), Conv1D) for name in layers),
    )
    inject_adapter_in_model(config, model)


def merged_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return a model's tensors with LoRA's additions merged, by the names of the plain model."""
    weights: dict[str, torch.Tensor] = model.state_dict()
    plain = {
        name.replace(".base_layer.", "."): value
        for name, value in weights.items()
        if ADDED not in name
    }
    for name, down in weights.items():
        layer, is_down, _ = name.partition(f"{ADDED}A.")
        if is_down:
            up = weights[name.replace(f"{ADDED}A.", f"{ADDED}B.")]
            added = LORA_SCALE * (up @ down)
            if isinstance(model.get_submodule(f"{layer}.base_layer"), Conv1D):  # stored transposed
                added = added.T
            plain[f"{layer}.weight"] = plain[f"{layer}.weight"] + added
    return plain
