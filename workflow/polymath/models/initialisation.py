"""Initialisations: the checkpoint's weights, random ones, or something between.

Source: W.-T. Kao and H.-Y. Lee, Is BERT a cross-disciplinary knowledge learner?,
Findings of EMNLP 2021; of attention and feed-forward parts alone, Z. Shinnick et al., Transformers
pretrained on procedural data contain modular structures for algorithmic reasoning, 2025 (arXiv
2505.22308); of first layers, J. Yosinski et al., How transferable are features in deep neural
networks?, NeurIPS 2014; `mimetic`: see that module; `shuffled` is a control of our own.
"""

import torch
from torch import nn
from transformers import PreTrainedModel

from polymath.experiment.initialisations import first_layers
from polymath.models.mimetic import make_mimetic
from polymath.models.parts import (
    attention_names,
    feed_forward_names,
    first_layers_names,
    layer_count,
    names_of,
    norm_names,
)
from polymath.util.errors import PolymathError
from polymath.util.seeds import named_seed

Weights = dict[str, torch.Tensor]


def initialise(model: PreTrainedModel, init: str, checkpoint: Weights, seed: int) -> None:
    """Replace a random model's tensors, as the initialisation says.

    - pretrained: by all that the checkpoint has.
    - re-emb: by all except the word embeddings, which stay random.
    - embeddings-only: the position and token-type embeddings alone.
    - attention-only, mlp-only, norms-only: the weights and biases of one kind of module alone.
    - first-K-layers: the embeddings and the first K layers.
    - shuffled: by all, each with its entries permuted, so that mean and variance stay and what was
      learnt is lost.
    - mimetic: attention and positions, by others that take nothing from the checkpoint.
    - scratch: none.

    Args:
        model: with random weights.
        checkpoint: the tensors of the checkpoint by the model's own names.
        seed: of what is random beside the model itself, each from a stream named after its tensor.

    Raises:
        PolymathError: if the model does not have what the initialisation keeps.
    """
    match init:
        case "scratch":
            chosen: Weights = {}
        case "pretrained":
            chosen = checkpoint
        case "re-emb":
            words = word_embedding_names(model)
            chosen = {name: value for name, value in checkpoint.items() if name not in words}
        case "shuffled":
            chosen = {
                name: shuffle_entries(value, seed, name) for name, value in checkpoint.items()
            }
        case "mimetic":
            chosen = {}
            lacks = "no square matrices of queries, keys, values and output that are known by name"
            _require(make_mimetic(model, seed), init, model, lacks)
        case _:
            kept = _kept_names(model, init)
            chosen = {name: value for name, value in checkpoint.items() if name in kept}
    model.load_state_dict(chosen, strict=False)


def _kept_names(model: PreTrainedModel, init: str) -> set[str]:
    """Return the tensors that an initialisation of a part takes; refuse a model without them."""
    match init:
        case "embeddings-only":
            kept, lacks = other_embedding_names(model), "no table of positions or token types"
        case "attention-only":
            kept, lacks = attention_names(model), "no attention in its layers"
        case "mlp-only":
            kept, lacks = feed_forward_names(model), "no feed-forward part in its layers"
        case "norms-only":
            encoder = names_of(model, list(model.base_model.parameters()))
            kept, lacks = norm_names(model) & encoder, "no norms"
        case _:
            count = first_layers(init)
            if count is None:
                raise ValueError(init)
            depth = layer_count(model)
            lacks = (
                f"{depth} layers, and not {count}" if depth else "no layers of their own weights"
            )
            kept = first_layers_names(model, count) if count <= depth else set()
    _require(bool(kept), init, model, lacks)
    return kept


def _require(found: bool, init: str, model: PreTrainedModel, lacks: str) -> None:
    if not found:
        raise PolymathError(
            f"initialisation {init}: a {model.config.model_type} model has {lacks}: leave the "
            "initialisation out, or exclude it for this model"
        )


def word_embedding_names(model: PreTrainedModel) -> set[str]:
    """Return the names of the word-embedding table (several if it is tied to an output)."""
    table = model.get_input_embeddings().weight
    return names_of(model, [table])


def other_embedding_names(model: PreTrainedModel) -> set[str]:
    """Return the names of the encoder's tables of positions and token types.

    They are its embedding tables other than the word embedding, relative positions included.
    """
    words = model.get_input_embeddings()
    tables = [
        module.weight
        for module in model.base_model.modules()
        if isinstance(module, nn.Embedding) and module is not words
    ]
    return names_of(model, tables)


def shuffle_entries(value: torch.Tensor, seed: int, name: str) -> torch.Tensor:
    """Return a tensor with its entries permuted at random, by the seed and the tensor's name."""
    generator = torch.Generator().manual_seed(named_seed(seed, f"shuffled/{name}"))
    order = torch.randperm(value.numel(), generator=generator)
    return value.flatten()[order].reshape(value.shape)
