"""Hidden states and attention of models on real sequences, in evaluation mode.

Dropout is off and everything is fp32, in every model. Special tokens and padding are left out: only
the positions of a sequence's own tokens count.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.analysis.representations.attention_heads import (
    match_heads,
    own_attention,
    total_variation,
)
from polymath.analysis.representations.layers import matching_layers
from polymath.analysis.representations.states import HiddenStates
from polymath.experiment.analyses import READING_BATCH
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.training.batches import (
    EncodedSplit,
    batch_shape,
    batches_by_length,
    gather_batch,
    move_split,
)
from polymath.training.encode import encode_unlabelled, interleave, iterate_sequences, truncate_row
from polymath.training.loop import model_inputs
from polymath.util.seeds import hash_order

HELD_OUT = ("dev", "test")


@dataclass(frozen=True)
class FeatureExtractor:
    """A model in evaluation mode, and sequences encoded for it.

    Attributes:
        content: (n,) masks (t,) of the positions of each sequence's own tokens.
        symbols: (tokens,) the task's symbols of all own tokens, concatenated.
    """

    model: PreTrainedModel
    data: EncodedSplit
    content: list[NDArray[np.bool_]]
    symbols: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return the offset of each sequence's own tokens when all are concatenated."""
        lengths = [int(mask.sum()) for mask in self.content]
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def forward(self, order: list[NDArray[np.int64]], **outputs: bool) -> Iterator[Any]:
        """Yield the encoder's output of each batch of rows.

        Args:
            outputs: `output_hidden_states` or `output_attentions`.
        """
        device = str(self.model.device)
        resident = move_split(self.data, device)
        for rows in order:
            shape = batch_shape(self.data.lengths, rows, buckets=False)
            batch = gather_batch(resident, torch.from_numpy(rows).to(device), shape)
            with torch.inference_mode():  # not around the yield, which would leave it on outside
                output = self.model.base_model(**model_inputs(batch), **outputs)
            yield output


def choose_rows(rows: pd.DataFrame, tokens: int, room: int | None, seed: int) -> pd.DataFrame:
    """Return held-out rows in a seeded order, as many as hold `tokens` tokens, or all.

    Args:
        room: the most tokens of a row that all models accept.
    """
    held_out = rows[rows["split"].isin(HELD_OUT)].set_index("id", drop=False)
    held_out = held_out.loc[hash_order(list(held_out["id"]), seed)]
    lengths = held_out["length"].clip(upper=room).cumsum().to_numpy()
    return held_out.iloc[: int(np.searchsorted(lengths, tokens)) + 1]


def encode_rows(
    rows: pd.DataFrame,
    model: PreTrainedModel,
    mapping: NDArray[np.int64],
    special_tokens: SpecialTokens,
    room: int | None,
) -> FeatureExtractor:
    """Encode rows for a model with its special tokens; put it into evaluation mode.

    Args:
        mapping: (symbols,) the token id of each symbol id.
    """
    parts = [truncate_row(row, room) for row in iterate_sequences(rows)]
    no_content = tuple((0,) * len(side) for side in special_tokens.ids)
    content = [
        np.concatenate(interleave(no_content, [np.ones_like(symbols) for symbols in row])).astype(
            bool
        )
        for row in parts
    ]
    data = encode_unlabelled(rows, model, mapping, special_tokens, room)
    model.set_attn_implementation("eager")  # other implementations return no attention
    symbols = np.concatenate([side for row in parts for side in row])
    return FeatureExtractor(model.eval(), data, content, symbols)


def extract_states(extractor: FeatureExtractor, folder: Path) -> HiddenStates:
    """Return the hidden states of all sequences, mapped to an unlinked file in `folder`.

    The file system frees an unlinked file however the process ends.
    """
    starts = extractor.starts
    layers: NDArray[np.float32] | None = None
    order = list(batches_by_length(extractor.data.lengths, READING_BATCH))
    for rows, output in zip(
        order, extractor.forward(order, output_hidden_states=True), strict=True
    ):
        states = torch.stack(output.hidden_states).float().cpu().numpy()
        if layers is None:
            shape = (len(states), int(starts[-1]), states.shape[-1])
            with tempfile.TemporaryFile(dir=folder) as file:
                layers = np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
        for place, row in enumerate(rows):
            mask = extractor.content[row]
            own = states[:, place, : len(mask)][:, mask]
            layers[:, starts[row] : starts[row + 1]] = own
    assert layers is not None
    return HiddenStates(layers, starts, extractor.symbols)


def compare_heads(a: FeatureExtractor, b: FeatureExtractor, items: int) -> pd.DataFrame:
    """Match the attention heads of two models in layers at the same relative depth.

    Args:
        a, b: of the same sequences.
        items: how many sequences to compare attention on, from the first.

    Returns:
        Columns layer_a, layer_b (1 is the first after the embeddings), head_a, head_b, distance
        (see `polymath.analysis.representations.attention_heads`) and tokens.
    """
    count = min(items, len(a.data))
    order = list(batches_by_length(a.data.lengths[:count], READING_BATCH))
    sums: dict[tuple[int, int], NDArray[np.float64]] = {}
    attentions = (side.forward(order, output_attentions=True) for side in (a, b))
    for rows, *outputs in zip(order, *attentions, strict=True):
        left, right = ([layer.cpu().numpy() for layer in output.attentions] for output in outputs)
        for place, row in enumerate(rows):
            for i, j in matching_layers(len(left), len(right)):
                distances = total_variation(
                    _own(a, left[i], place, row), _own(b, right[j], place, row)
                )
                sums[i, j] = sums.get((i, j), 0) + distances
    tokens = int(a.starts[count])
    return pd.DataFrame(
        {
            "layer_a": i + 1,
            "layer_b": j + 1,
            "head_a": first,
            "head_b": second,
            "distance": distances[first, second] / tokens,
            "tokens": tokens,
        }
        for (i, j), distances in sums.items()
        for first, second in match_heads(distances)
    )


def _own(
    extractor: FeatureExtractor, attention: NDArray[np.float32], place: int, row: int
) -> NDArray[np.float64]:
    mask = extractor.content[row]
    return own_attention(attention[place, :, : len(mask), : len(mask)], mask)
