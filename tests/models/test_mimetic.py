"""Mimetic initialisation: the products that attention computes, and which tensors it replaces."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymath.models.build import build_classifier
from polymath.models.mimetic import factorise, find_attention, sinusoids
from polymath.util.errors import PolymathError
from support.families import CLASSIFIERS, Checkpoint, families

HEADS = 2
WITH_POSITIONS = {"bert", "roberta", "albert", "electra", "distilbert", "gpt2"}
MATRICES = ("query", "key", "value", "q_lin", "k_lin", "v_lin", "query_proj", "key_proj",
            "value_proj", "Wqkv", "attn.Wo", "attention.output.dense", "attention.dense",
            "out_lin", "attn.c_attn", "attn.c_proj", "attn.q_proj", "attn.k_proj",
            "attn.v_proj")  # fmt: skip


@pytest.fixture(params=families([name for name in CLASSIFIERS if name != "llama"]))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@given(st.floats(0.1, 1), st.floats(-1, 1), st.integers(2, 9), st.integers(0, 99))
def test_the_factors_make_the_matrix(a: float, b: float, size: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    left, right = factorise(a, b, torch.from_numpy(noise))
    expected = a * noise / math.sqrt(size) + b * np.eye(size)
    np.testing.assert_allclose((left @ right).numpy(), expected, atol=1e-5)


def test_only_attention_matrices_and_learnt_positions_differ_from_scratch(
    family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    scratch = build_classifier(folder, "scratch", 3, 5, None).state_dict()
    weights = build_classifier(folder, "mimetic", 3, 5, None).state_dict()
    changed = {name for name in weights if not torch.equal(weights[name], scratch[name])}
    endings = tuple(f"{name}.weight" for name in MATRICES)
    expected = {name for name in weights if name.endswith(endings)}
    if family in WITH_POSITIONS:
        tables = ("position_embeddings.weight", "wpe.weight")
        expected |= {name for name in weights if name.endswith(tables)}
    assert changed == expected


def test_products_have_the_papers_diagonals(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "mimetic", 3, 5, None)
    layers = find_attention(model)
    assert len(layers) == (1 if family == "albert" else 2)
    for layer in layers:
        size = len(layer.query)
        # Values: the whole product is 0.4 Z - 0.4 I, and Z has the variance 1 / d.
        product = (layer.value @ layer.output).detach()
        noise = (product + 0.4 * torch.eye(size)) / 0.4 * math.sqrt(size)
        assert abs(float(noise.mean())) < 0.2
        assert abs(float(noise.std()) - 1) < 0.1
        # Queries and keys: of each head the nearest product of its rank.
        for columns in torch.arange(size).chunk(HEADS):
            product = layer.query[:, columns] @ layer.key[:, columns].T.detach()
            values = torch.linalg.svdvals(product)
            assert int((values > 1e-4).sum()) == len(columns)
            assert float(product.detach().trace()) > 0.2 * len(columns)


def test_fewer_heads_of_keys_than_of_queries_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(PolymathError, match="mimetic: a llama model has no square matrices"):
        build_classifier(checkpoint("llama"), "mimetic", 3, 5, None)


def test_it_needs_no_weights_and_depends_on_the_seed_alone(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = checkpoint("bert")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    first, again, different = (
        build_classifier(path, "mimetic", 3, seed, None).state_dict()
        for path, seed in ((tmp_path, 5), (folder, 5), (folder, 6))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first[name], different[name])


def test_positions_are_sinusoids_with_the_spread_of_other_embeddings(
    checkpoint: Checkpoint,
) -> None:
    table = sinusoids(64, 32)
    assert torch.equal(table[0], torch.tensor([0.0, 1.0] * 16))
    assert float(table[7, 6]) == pytest.approx(math.sin(7 / 10_000 ** (6 / 32)), abs=1e-5)
    model = build_classifier(checkpoint("roberta"), "mimetic", 3, 5, None)
    positions = model.base_model.embeddings.position_embeddings
    kept = positions.weight[2:].detach()
    assert float(kept.square().mean().sqrt()) == pytest.approx(0.02, rel=0.01)
    assert not positions.weight[positions.padding_idx].any()
