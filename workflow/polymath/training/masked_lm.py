"""Masked language modelling: the model, its small vocabulary, its loss and its score.

Source: J. Devlin et al., BERT: pre-training of deep bidirectional transformers for language
understanding, NAACL 2019, section 3.1 (task 1).
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForMaskedLM, PreTrainedModel

from polymath.models.build import build_model
from polymath.models.compact_embeddings import compact_order, renumber
from polymath.training.batches import (
    Batch,
    Encoded,
    length_order,
    move_data,
    shape_of,
    take_batch,
)
from polymath.training.loop import EVALUATION_BATCH, Loss, autocast, model_inputs
from polymath.util.errors import PolymathError

# Of the symbols to predict, so many are shown as the mask and so many as another symbol; the rest
# stay as they are, so that a model cannot know which it will be asked for.
SHOWN_MASKED, SHOWN_WRONG = 0.8, 0.1
NOT_ASKED = -100  # what torch's cross-entropy leaves out


def mask_token(tokenizer: Tokenizer) -> int:
    """Return the id of a tokenizer's mask token.

    Raises:
        PolymathError: if it has none.
    """
    stored = json.loads(tokenizer.to_str())
    masks = [one["id"] for one in stored["added_tokens"] if "mask" in one["content"].lower()]
    if not masks:
        raise PolymathError(
            "the base's tokenizer.json has no mask token, which masked language modelling needs: "
            "choose a base that has one"
        )
    return int(masks[0])


def build_masked_model(
    folder: Path, init: str, seed: int, dropout: float | None
) -> PreTrainedModel:
    """Return a masked language model in fp32; see `models.build_model`."""
    return build_model(AutoModelForMaskedLM, folder, init, seed, dropout)


def compact_vocabulary(model: PreTrainedModel, used: list[int]) -> dict[int, int]:
    """Keep only the tokens in use, as inputs and as answers; return their new ids.

    So a masked base or residue is one of the domain's own symbols, and not one of 30,000 words.
    """
    order = compact_order(used, model.config.pad_token_id)
    table = model.get_input_embeddings().weight
    encoder = {id(value) for value in model.base_model.parameters()} - {id(table)}
    small: dict[int, nn.Parameter] = {}  # tied tensors stay tied
    for module in model.modules():
        for name, value in list(module.named_parameters(recurse=False)):
            if len(value) != len(table) or id(value) in encoder:
                continue
            if id(value) not in small:
                small[id(value)] = nn.Parameter(value.detach()[order].clone())
            setattr(module, name, small[id(value)])
    return renumber(model, order)


def restore_vocabulary(
    whole: PreTrainedModel, trained: PreTrainedModel, tokens: dict[int, int]
) -> None:
    """Give the whole model the weights of the trained, compact one; other tokens keep theirs.

    Args:
        tokens: the row in `trained` of each token that it knows.
    """
    known, rows = torch.tensor(list(tokens)), torch.tensor(list(tokens.values()))
    weights = whole.state_dict()
    for name, value in trained.state_dict().items():
        if weights[name].shape == value.shape:
            weights[name] = value
        else:
            weights[name] = weights[name].clone()
            weights[name][known] = value[rows].to(weights[name].device)
    whole.load_state_dict(weights)


@dataclass(frozen=True)
class Masking:
    """What may be masked, and how; drawn from the device's random numbers as they are.

    Attributes:
        symbols: (k,) the ids that stand for symbols of the domain, not for special tokens.
        is_symbol: (v,) the same as a table.
        mask: id of the mask token.
        share: of the symbols, to be predicted.
    """

    symbols: torch.Tensor
    is_symbol: torch.Tensor
    mask: int
    share: float

    def __call__(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return masked ids (b, t), and the answers (b, t), NOT_ASKED where nothing is asked."""
        asked = (torch.rand(ids.shape, device=ids.device) < self.share) & self.is_symbol[ids]
        shown = torch.rand(ids.shape, device=ids.device)
        drawn = torch.randint(len(self.symbols), ids.shape, device=ids.device)
        wrong = shown < SHOWN_MASKED + SHOWN_WRONG
        masked = torch.where(asked & wrong, self.symbols[drawn], ids)
        masked = torch.where(asked & (shown < SHOWN_MASKED), self.mask, masked)
        return masked, torch.where(asked, ids, NOT_ASKED)


def make_masking(
    vocabulary: dict[int, int], special: set[int], mask: int, share: float, device: str
) -> Masking:
    """Return the masking of a compact vocabulary.

    Args:
        vocabulary: the compact id of each of the model's tokens in use.
        special: of the model's tokens, those that are never asked for.
        mask: the model's mask token.
    """
    is_symbol = torch.zeros(len(vocabulary), dtype=torch.bool)
    is_symbol[[row for token, row in vocabulary.items() if token not in special]] = True
    symbols = torch.nonzero(is_symbol)[:, 0]
    return Masking(symbols.to(device), is_symbol.to(device), vocabulary[mask], share)


def masked_loss(masking: Masking) -> Loss:
    """Return a loss for `Run`: the mean cross-entropy of the symbols asked for."""

    def loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
        ids, answers = masking(batch.ids)
        logits = token_logits(model, replace(batch, ids=ids), precision)
        total = F.cross_entropy(logits.flatten(0, 1), answers.flatten(), reduction="sum")
        return total / (answers != NOT_ASKED).sum().clamp(min=1)

    return loss


def token_logits(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
    """Return fp32 logits (b, t, v)."""
    with autocast(batch.ids.device.type, precision):
        logits: torch.Tensor = model(**model_inputs(batch)).logits
    return logits.float()


class MaskedScore:
    """The share of masked symbols that a model finds in a split, always the same ones."""

    def __init__(
        self, model: PreTrainedModel, data: Encoded, masking: Masking, precision: str, seed: int
    ) -> None:
        """Mask a split once.

        Args:
            seed: of the choice of symbols; the device's random numbers are left as they were.
        """
        self.model, self.precision = model, precision
        device = model.device.type
        resident = move_data(data, device)
        self.batches = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for rows in length_order(data.lengths, EVALUATION_BATCH):
                shape = shape_of(data.lengths, rows, buckets=False)
                batch = take_batch(resident, torch.from_numpy(rows).to(device), shape)
                ids, answers = masking(batch.ids)
                self.batches.append((replace(batch, ids=ids), answers))

    @torch.no_grad()
    def __call__(self) -> float:
        """Return the share found, of the model as it is now; NaN if its logits are not finite."""
        self.model.eval()
        found, asked = 0, 0
        for batch, answers in self.batches:
            logits = token_logits(self.model, batch, self.precision)
            if not torch.isfinite(logits).all():
                return math.nan
            wanted = answers != NOT_ASKED
            found += int((logits.argmax(-1)[wanted] == answers[wanted]).sum())
            asked += int(wanted.sum())
        return found / max(1, asked)
