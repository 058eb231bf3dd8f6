"""The parts of an encoder, by the structure that transformers' families share.

A layer is a member of a list of layers. Inside layers, a linear map in a module called attention is
one of attention, and any other is one of the feed-forward part.
"""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

LINEAR = (nn.Linear, Conv1D)  # GPT-2's is a linear map, whatever its name
ATTENTION_NAMES = ("attention", "attn")


def names_of(model: PreTrainedModel, tensors: list[torch.Tensor]) -> set[str]:
    """Return the names of parameters (several of one that is tied)."""
    wanted = {id(tensor) for tensor in tensors}
    named = model.named_parameters(remove_duplicate=False)
    return {name for name, value in named if id(value) in wanted}


def attention_names(model: PreTrainedModel) -> set[str]:
    """Return the weights and biases of attention: queries, keys, values and output."""
    return _linear_names(model, in_attention=True)


def feed_forward_names(model: PreTrainedModel) -> set[str]:
    """Return the weights and biases of the layers' feed-forward parts."""
    return _linear_names(model, in_attention=False)


def norm_names(model: nn.Module) -> set[str]:
    """Return the parameters of all modules called a norm (LayerNorm, RMSNorm)."""
    return {
        f"{name}.{own}"
        for name, module in model.named_modules()
        if is_norm(module)
        for own, _ in module.named_parameters(recurse=False)
    }


def is_norm(module: nn.Module) -> bool:
    """Whether a module is called a norm."""
    return type(module).__name__.lower().endswith("norm")


def first_layers_names(model: PreTrainedModel, count: int) -> set[str]:
    """Return the embeddings, with what belongs to them, and the first layers.

    Embeddings are all tables, and whatever outside layers has `embed` in its name: their norm and
    the matrix that widens them. A norm after the last layer is not among them.
    """
    tensors: list[torch.Tensor] = []
    for name, module in model.base_model.named_modules():
        number = layer_number(model, name)
        is_embedding = isinstance(module, nn.Embedding) or "embed" in name
        if (number is None and is_embedding) or (number is not None and number < count):
            tensors += module.parameters(recurse=False)
    return names_of(model, tensors)


def layer_number(model: PreTrainedModel, name: str) -> int | None:
    """Return in which layer of the encoder a module of it is, from 0; None if in none."""
    for prefix in layer_lists(model):
        if name.startswith(f"{prefix}."):
            return int(name.removeprefix(f"{prefix}.").partition(".")[0])
    return None


def layer_count(model: PreTrainedModel) -> int:
    """Return how many layers the encoder has; 0 if it has no list of them, or they are shared.

    ALBERT's are: it goes through the same layer again and again.
    """
    depth: int = getattr(model.config, "num_hidden_layers", 0)
    return depth if {len(layers) for layers in layer_lists(model).values()} == {depth} else 0


def layer_lists(model: PreTrainedModel) -> dict[str, nn.ModuleList]:
    """Return the encoder's outermost lists of modules, of its layers, by name."""
    lists: dict[str, nn.ModuleList] = {}
    for name, module in model.base_model.named_modules():
        if isinstance(module, nn.ModuleList) and not any(name.startswith(f"{p}.") for p in lists):
            lists[name] = module
    return lists


def attention_modules(model: PreTrainedModel) -> dict[str, dict[str, nn.Module]]:
    """Return each layer's linear maps of attention by their own last names, by the layer's name."""
    layers: dict[str, dict[str, nn.Module]] = {}
    for name, module in model.base_model.named_modules():
        number = layer_number(model, name)
        if isinstance(module, LINEAR) and _is_in_attention(name) and number is not None:
            layers.setdefault(f"layer {number}", {})[name.split(".")[-1]] = module
    return layers


def _linear_names(model: PreTrainedModel, in_attention: bool) -> set[str]:
    tensors: list[torch.Tensor] = []
    for name, module in model.base_model.named_modules():
        is_in_layer = layer_number(model, name) is not None
        if isinstance(module, LINEAR) and is_in_layer and _is_in_attention(name) == in_attention:
            tensors += module.parameters(recurse=False)
    return names_of(model, tensors)


def _is_in_attention(name: str) -> bool:
    return any(word in name for word in ATTENTION_NAMES)
