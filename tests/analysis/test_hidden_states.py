"""Hidden states and attention of real sequences: what is read, and that padding is not."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import PreTrainedModel

from polymath.analysis.representations import hidden_states
from polymath.analysis.representations.attention_heads import (
    match_heads,
    own_attention,
    total_variation,
)
from polymath.analysis.representations.hidden_states import (
    FeatureExtractor,
    choose_rows,
    compare_heads,
    encode_rows,
    extract_states,
)
from polymath.analysis.representations.layers import compare_states
from polymath.experiment.analyses import Representations
from polymath.models.build import build_classifier
from polymath.tokenization.special_tokens import SpecialTokens
from support.families import CLASSIFIERS, Checkpoint, families

SPECIAL_TOKENS = SpecialTokens(ids=((2,), (3,)), types=((0,), (0,)), sequence_types=(0,))
MAPPING = np.arange(10, 30)


def some_rows(count: int = 30) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    lengths = generator.integers(5, 40, count)
    return pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(count)],
            "item": [f"r{row}" for row in range(count)],
            "split": [("train", "dev", "test")[row % 3] for row in range(count)],
            "length": lengths,
            "ids": [generator.integers(0, 20, n).tolist() for n in lengths],
        }
    )


def model_of(source: Path, seed: int = 0, init: str = "scratch") -> PreTrainedModel:
    return build_classifier(source, init, 2, seed, dropout=None)  # as configured: 0.1 in most


def extractor_of(model: PreTrainedModel, rows: pd.DataFrame | None = None) -> FeatureExtractor:
    return encode_rows(
        some_rows() if rows is None else rows, model, MAPPING, SPECIAL_TOKENS, room=20
    )


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_states_are_those_of_each_sequence_alone(
    family: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """Neither padding nor dropout counts, special tokens are left out, order is the rows'."""
    extractor = extractor_of(model_of(checkpoint(family)))
    states = extract_states(extractor, tmp_path)
    assert states.layers.shape == (3, some_rows()["length"].clip(upper=20).sum(), 32)
    assert not list(tmp_path.iterdir())
    for row in (0, 7, 29):
        ids = torch.tensor(extractor.data.ids[row])[None]
        assert ids[0, 0] == 2
        assert ids[0, -1] == 3
        with torch.no_grad():
            alone = extractor.model.base_model(ids, output_hidden_states=True).hidden_states
        expected = torch.stack(alone)[:, 0, 1:-1].numpy()
        found = states.layers[:, states.starts[row] : states.starts[row + 1]]
        assert found == pytest.approx(expected, abs=2e-5)


def test_a_pairs_two_sequences_count_and_what_is_between_them_does_not(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    special_tokens = SpecialTokens(
        ids=((2,), (3,), (3,)), types=((0,), (0,), (1,)), sequence_types=(0, 1)
    )
    rows = some_rows(3).assign(ids2=[[1, 2, 3]] * 3)
    extractor = encode_rows(rows, model_of(checkpoint("bert")), MAPPING, special_tokens, room=20)
    assert extractor.data.types is not None
    for ids, mask, types in zip(
        extractor.data.ids, extractor.content, extractor.data.types, strict=True
    ):
        assert set(ids[~mask]) == {2, 3}
        assert (~mask).sum() == 3
        assert types[mask].sum() == 3
        assert ids[mask].min() >= 10


def test_held_out_rows_are_taken_in_a_seeded_order_until_there_are_enough() -> None:
    rows = some_rows(60)
    lengths = rows.set_index("id")["length"].clip(upper=20)
    chosen = choose_rows(rows, 200, 20, seed=1)
    assert set(chosen["split"]) == {"dev", "test"}
    assert chosen["id"].is_unique
    taken = lengths[chosen["id"]].to_numpy()
    assert taken.sum() >= 200 > taken[:-1].sum()
    more = choose_rows(rows, 300, 20, seed=1)
    assert more["id"].to_list()[: len(chosen)] == chosen["id"].to_list()
    assert choose_rows(rows, 200, 20, seed=2)["id"].to_list() != chosen["id"].to_list()
    assert len(choose_rows(rows, 10**9, None, seed=1)) == 40


def permuted_heads(model: PreTrainedModel, order: list[int]) -> PreTrainedModel:
    """A BERT that computes the same with its heads in another order."""
    twin = copy.deepcopy(model)
    width = model.config.hidden_size // len(order)
    places = np.concatenate([np.arange(width) + width * head for head in order])
    for layer in twin.base_model.encoder.layer:
        own = layer.attention.self
        for part in (own.query, own.key, own.value):
            part.weight.data = part.weight.data[places]
            part.bias.data = part.bias.data[places]
        output = layer.attention.output.dense
        output.weight.data = output.weight.data[:, places]
    return twin


def test_heads_in_another_order_are_found_at_distance_0(checkpoint: Checkpoint) -> None:
    small = checkpoint("bert")
    model = model_of(small)
    model = wider_heads(model)
    order = [2, 0, 3, 1]
    table = compare_heads(extractor_of(model), extractor_of(permuted_heads(model, order)), 30)
    assert table["distance"].to_numpy() == pytest.approx(0, abs=1e-6)
    assert table["layer_a"].to_list() == table["layer_b"].to_list() == [1] * 4 + [2] * 4
    # Head `place` of the twin is head order[place] of the model.
    assert [order[head] for head in table["head_b"]] == table["head_a"].to_list()
    assert not torch.is_inference_mode_enabled()
    other = model_of(small, seed=1)
    apart = compare_heads(extractor_of(model), extractor_of(wider_heads(other)), 30)
    assert apart["distance"].min() > 0.05


def wider_heads(model: PreTrainedModel) -> PreTrainedModel:
    """The same BERT with four heads, whose attention is far from even."""
    for layer in model.base_model.encoder.layer:
        own = layer.attention.self
        own.num_attention_heads, own.attention_head_size = 4, 8
        own.scaling = 8**-0.5
        own.query.weight.data *= 30
        own.key.weight.data *= 30
    return model


def test_padding_changes_no_distance(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (extractor_of(wider_heads(model_of(checkpoint("bert"), seed))) for seed in (0, 1))
    padded = compare_heads(a, b, 25)
    monkeypatch.setattr(hidden_states, "READING_BATCH", 1)
    alone = compare_heads(a, b, 25)
    pd.testing.assert_frame_equal(padded, alone, rtol=1e-4)


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_every_family_gives_its_attention(family: str, checkpoint: Checkpoint) -> None:
    extractor = extractor_of(model_of(checkpoint(family)))
    table = compare_heads(extractor, extractor, 4)
    assert table["distance"].to_numpy() == pytest.approx(0, abs=1e-6)
    assert len(table) == 2 * 2


def test_total_variation_is_half_the_sum_of_differences() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.dirichlet(np.ones(6), size=(2, 3, 5))
    expected = [[0.5 * np.abs(p - q).sum() for q in b] for p in a]
    assert total_variation(a, b) == pytest.approx(np.array(expected))
    one, other = np.eye(2)[None, :1], np.eye(2)[None, 1:]
    assert total_variation(one, other) == pytest.approx(np.ones((1, 1)))


def test_attention_to_special_tokens_is_one_key() -> None:
    attention = np.array([[[0.1, 0.2, 0.3, 0.4]] * 4])
    content = np.array([False, True, True, False])
    assert own_attention(attention, content) == pytest.approx(np.array([[[0.2, 0.3, 0.5]] * 2]))


def test_the_best_match_is_not_the_greedy_one() -> None:
    assert match_heads(np.array([[1.0, 2.0], [2.0, 9.0]])) == [(0, 1), (1, 0)]
    assert match_heads(np.array([[3.0, 1.0, 2.0]])) == [(0, 1)]


def test_a_model_compared_with_itself_is_the_same_in_every_layer(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    model = model_of(checkpoint("bert"))
    first, second = (extract_states(extractor_of(model), tmp_path) for _ in range(2))
    table = compare_states(
        first,
        second,
        Representations(tokens=1000, items=20, bootstraps=20, permutations=19),
        seed=0,
    )
    same = table[table["layer_a"] == table["layer_b"]]
    assert same["value"].to_numpy() == pytest.approx(1, abs=1e-5)
