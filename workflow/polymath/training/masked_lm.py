"""Masked language modelling: the model, its small vocabulary, its loss and its score.

Source: J. Devlin et al., BERT: pre-training of deep bidirectional transformers for language
understanding, NAACL 2019, section 3.1 (task 1).
"""

import json
import math
from collections.abc import Callable
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
    EncodedSplit,
    batch_shape,
    batches_by_length,
    gather_batch,
    move_split,
)
from polymath.training.loop import EVALUATION_BATCH, Loss, forward
from polymath.util.errors import PolymathError

# Of the symbols to predict, these shares are replaced by the mask token and by a random symbol; the
# rest stay unchanged (Devlin et al.).
SHARE_MASKED, SHARE_RANDOM = 0.8, 0.1
IGNORE_INDEX = -100  # torch's cross-entropy leaves these labels out


def mask_token(tokenizer: Tokenizer) -> int:
    """Return the id of a tokenizer's mask token.

    Raises:
        PolymathError: if it has none.
    """
    stored = json.loads(tokenizer.to_str())
    masks = [token["id"] for token in stored["added_tokens"] if "mask" in token["content"].lower()]
    if not masks:
        raise PolymathError(
            "the base model's tokenizer.json has no mask token, which masked language modelling "
            "needs: choose a base model that has one"
        )
    return int(masks[0])


def build_masked_model(
    folder: Path, init: str, seed: int, dropout: float | None
) -> PreTrainedModel:
    """Return a masked language model in fp32; see `models.build_model`."""
    return build_model(AutoModelForMaskedLM, folder, init, seed, dropout)


def compact_vocabulary(model: PreTrainedModel, used: list[int]) -> dict[int, int]:
    """Keep only the tokens in use, as inputs and as predictions; return their new ids.

    The model then predicts one of the domain's own symbols rather than one of 30,000 words.
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


@dataclass(frozen=True)
class Masking:
    """Mask random symbols, drawn from the device's default generator.

    Attributes:
        symbols: (k,) the ids of the domain's symbols, without special tokens.
        is_symbol: (v,) the same as a table.
        mask: id of the mask token.
        share: of the symbols to predict.
    """

    symbols: torch.Tensor
    is_symbol: torch.Tensor
    mask: int
    share: float

    def __call__(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return masked ids (b, t) and labels (b, t), IGNORE_INDEX where nothing is predicted."""
        chosen = (torch.rand(ids.shape, device=ids.device) < self.share) & self.is_symbol[ids]
        draw = torch.rand(ids.shape, device=ids.device)
        symbols = torch.randint(len(self.symbols), ids.shape, device=ids.device)
        replaced = draw < SHARE_MASKED + SHARE_RANDOM
        masked = torch.where(chosen & replaced, self.symbols[symbols], ids)
        masked = torch.where(chosen & (draw < SHARE_MASKED), self.mask, masked)
        return masked, torch.where(chosen, ids, IGNORE_INDEX)


def make_masking(
    vocabulary: dict[int, int], special: set[int], mask: int, share: float, device: str
) -> Masking:
    """Return the masking of a compact vocabulary.

    Args:
        vocabulary: the compact id of each of the model's tokens in use.
        special: the model's tokens that are never predicted.
        mask: the model's mask token.
    """
    is_symbol = torch.zeros(len(vocabulary), dtype=torch.bool)
    is_symbol[[row for token, row in vocabulary.items() if token not in special]] = True
    symbols = torch.nonzero(is_symbol)[:, 0]
    return Masking(symbols.to(device), is_symbol.to(device), vocabulary[mask], share)


def masked_loss(masking: Masking) -> Loss:
    """Return a loss for `Run`: the mean cross-entropy of the masked symbols."""

    def loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
        ids, labels = masking(batch.ids)
        logits = forward(model, replace(batch, ids=ids), precision)
        total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        return total / (labels != IGNORE_INDEX).sum().clamp(min=1)

    return loss


class MaskedScore:
    """The accuracy of a model on a split's masked symbols, the same ones at each call."""

    def __init__(
        self,
        model: PreTrainedModel,
        data: EncodedSplit,
        masking: Masking,
        precision: str,
        seed: int,
    ) -> None:
        """Mask a split once.

        Args:
            seed: of the choice of symbols; the state of the default generator is kept.
        """
        self.model, self.precision = model, precision
        device = model.device.type
        resident = move_split(data, device)
        self.batches = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for rows in batches_by_length(data.lengths, EVALUATION_BATCH):
                shape = batch_shape(data.lengths, rows, buckets=False)
                batch = gather_batch(resident, torch.from_numpy(rows).to(device), shape)
                ids, labels = masking(batch.ids)
                self.batches.append((replace(batch, ids=ids), labels))

    @torch.no_grad()
    def __call__(self) -> Callable[[], float]:
        """Queue the predictions; return a function that waits for the model's current accuracy.

        It is NaN if the logits are not finite.
        """
        self.model.eval()
        counts = []
        for batch, labels in self.batches:
            logits = forward(self.model, batch, self.precision)
            masked = labels != IGNORE_INDEX
            correct = (logits.argmax(-1) == labels) & masked
            counts.append(torch.stack([correct.sum(), masked.sum(), (~logits.isfinite()).sum()]))
        return lambda: _accuracy(counts)


def _accuracy(counts: list[torch.Tensor]) -> float:
    """Return the share of right answers; (right, asked, not finite) of each batch are counted."""
    correct, asked, broken = torch.stack(counts).sum(0).tolist()
    return math.nan if broken else correct / max(1, asked)
