"""Initialisations: the checkpoint's weights, random ones, or something between.

Source: W.-T. Kao and H.-Y. Lee, Is BERT a cross-disciplinary knowledge learner?,
Findings of EMNLP 2021; `shuffled` is a control of our own.
"""

import torch
from torch import nn
from transformers import PreTrainedModel

from polymath.util.errors import PolymathError
from polymath.util.seeds import named_seed

Weights = dict[str, torch.Tensor]


def initialise(model: PreTrainedModel, init: str, checkpoint: Weights, seed: int) -> None:
    """Replace a random model's tensors by the checkpoint's, as the initialisation says.

    - pretrained: all that the checkpoint has.
    - re-emb: all except the word embeddings, which stay random.
    - embeddings-only: the position and token-type embeddings alone.
    - shuffled: all, each with its entries permuted, so that mean and variance stay and what was
      learnt is lost.
    - scratch: none.

    Args:
        model: with random weights.
        checkpoint: the tensors of the checkpoint by the model's own names.
        seed: of the permutations, each from a stream named after its tensor.

    Raises:
        PolymathError: if the model has no position or token-type embeddings to keep.
    """
    match init:
        case "scratch":
            chosen: Weights = {}
        case "pretrained":
            chosen = checkpoint
        case "re-emb":
            words = word_embedding_names(model)
            chosen = {name: value for name, value in checkpoint.items() if name not in words}
        case "embeddings-only":
            kept = other_embedding_names(model)
            chosen = {name: value for name, value in checkpoint.items() if name in kept}
            if not chosen:
                raise PolymathError(
                    f"initialisation embeddings-only: a {model.config.model_type} model has no "
                    "table of positions or token types to keep: leave the initialisation out, or "
                    "exclude it for this model"
                )
        case "shuffled":
            chosen = {
                name: shuffle_entries(value, seed, name) for name, value in checkpoint.items()
            }
        case _:
            raise ValueError(init)
    model.load_state_dict(chosen, strict=False)


def word_embedding_names(model: PreTrainedModel) -> set[str]:
    """Return the names of the word-embedding table (several if it is tied to an output)."""
    table = model.get_input_embeddings().weight
    return _names_of(model, [table])


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
    return _names_of(model, tables)


def _names_of(model: PreTrainedModel, tensors: list[torch.Tensor]) -> set[str]:
    wanted = {id(tensor) for tensor in tensors}
    named = model.named_parameters(remove_duplicate=False)
    return {name for name, value in named if id(value) in wanted}


def shuffle_entries(value: torch.Tensor, seed: int, name: str) -> torch.Tensor:
    """Return a tensor with its entries permuted at random, by the seed and the tensor's name."""
    generator = torch.Generator().manual_seed(named_seed(seed, f"shuffled/{name}"))
    order = torch.randperm(value.numel(), generator=generator)
    return value.flatten()[order].reshape(value.shape)
