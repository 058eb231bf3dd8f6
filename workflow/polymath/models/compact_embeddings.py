"""Word embeddings of the tokens that a task uses, in place of the whole table."""

import torch
from torch import nn
from transformers import PreTrainedModel

from polymath.models.tuning import merged_weights


def compact_embeddings(model: PreTrainedModel, used: list[int]) -> dict[int, int]:
    """Keep only the word-embedding rows of the tokens that the task uses.

    The others have no gradient, and embeddings have no weight decay, so Adam would never change
    them: training the smaller table gives the same result and saves most of the optimiser's work
    on small alphabets. The padding token keeps its id, because some models count positions from
    it.

    Args:
        used: token ids, padding included.

    Returns:
        The new id of each used token.
    """
    table = model.get_input_embeddings()
    assert isinstance(table, nn.Embedding)
    padding = model.config.pad_token_id
    order = compact_order(used, padding)
    small = nn.Embedding(
        len(order),
        table.embedding_dim,
        padding_idx=None if table.padding_idx is None else order.index(padding),
    )
    with torch.no_grad():
        small.weight.copy_(table.weight[torch.tensor(order)])
    model.set_input_embeddings(small)
    model.config.pad_token_id = order.index(padding)  # a decoder's head looks for it
    return renumber(model, order)


def renumber(model: PreTrainedModel, order: list[int]) -> dict[int, int]:
    """Return the new id of each token in `order`, and set it in layers that know a token by its id
    (ESM's embedding blanks out the mask token).
    """
    rows = {token: row for row, token in enumerate(order)}
    for module in model.modules():
        mask = getattr(module, "mask_token_id", None)
        if isinstance(mask, int):
            module.mask_token_id = rows.get(mask, -1)
    return rows


def compact_order(used: list[int], padding: int) -> list[int]:
    """Return the used tokens in the order of their new ids; padding keeps its id."""
    order = sorted(set(used) - {padding})
    order.insert(min(padding, len(order)), padding)
    return order


def restore_vocabulary(
    whole: PreTrainedModel, trained: PreTrainedModel, tokens: dict[int, int]
) -> None:
    """Copy the weights of the trained, compact model into the whole model, as it was before
    training; merge LoRA's additions into its matrices. Other tokens keep their weights.

    Args:
        tokens: the row in `trained` of each token that it knows.
    """
    known, rows = torch.tensor(list(tokens)), torch.tensor(list(tokens.values()))
    weights = whole.state_dict()
    for name, value in merged_weights(trained).items():
        if weights[name].shape == value.shape:
            weights[name] = value
        else:
            weights[name] = weights[name].clone()
            weights[name][known] = value[rows].to(weights[name].device)
    whole.load_state_dict(weights)
