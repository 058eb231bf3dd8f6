"""Initialisations and embeddings, for every model family."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForMaskedLM

from polymath.models.build import build_classifier, longest_input
from polymath.models.compact_embeddings import compact_embeddings
from polymath.util.errors import PolymathError
from support.families import FAMILIES, Checkpoint, families

# Rotary and relative positions have no hard end.
RELATIVE = ("modernbert", "deberta-v2", "esm")


@pytest.fixture(params=families())
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pretrained_takes_every_encoder_tensor_of_the_checkpoint(
    family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    stored = AutoModelForMaskedLM.from_pretrained(folder).base_model.state_dict()
    built = build_classifier(folder, "pretrained", 3, 0, None).base_model.state_dict()
    shared = [name for name in stored if name in built]
    assert len(shared) > 10
    for name in shared:
        assert torch.equal(stored[name], built[name]), name


def test_scratch_depends_on_its_seed_alone(checkpoint: Checkpoint) -> None:
    folder = checkpoint("bert")
    torch.manual_seed(99)  # the global state before must not matter
    first = build_classifier(folder, "scratch", 2, 1, None).state_dict()
    again = build_classifier(folder, "scratch", 2, 1, None).state_dict()
    other = build_classifier(folder, "scratch", 2, 2, None).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(first[name], other[name])


def test_a_checkpoint_without_an_encoder_tensor_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    for file in checkpoint("bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = "bert.encoder.layer.1.output.dense.weight"
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PolymathError, match=rf"lacks 1 of the encoder's tensors.*{lost}"):
        build_classifier(tmp_path, "pretrained", 2, 0, None)


def test_a_model_too_large_is_refused_before_it_takes_memory(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    config = json.loads((checkpoint("bert") / "config.json").read_text())
    config |= {"vocab_size": 10**7, "hidden_size": 4096}  # 41 billion in the embeddings alone
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(PolymathError, match=r"config\.json describes 4\d billion.*check its sizes"):
        build_classifier(tmp_path, "scratch", 2, 0, None)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(PolymathError, match="no model that transformers can build"):
        build_classifier(tmp_path, "scratch", 2, 0, None)


def test_a_models_trial_leaves_its_sparse_attention(tmp_path: Path) -> None:
    """BigBird, which reads DNA of thousands of bases, falls back to full attention by itself."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "block_size": 4}
    AutoConfig.for_model("big_bird", vocab_size=30, **sizes).save_pretrained(tmp_path)
    encoder = build_classifier(tmp_path, "scratch", 2, 0, None).base_model
    kinds = {encoder.attention_type, *(layer.attention_type for layer in encoder.encoder.layer)}
    assert kinds == {"block_sparse"}
    ids = torch.arange(64)[None] % 30
    assert encoder(input_ids=ids).last_hidden_state.shape == (1, 64, 32)
    assert encoder.attention_type == "block_sparse"


def test_dropout_of_the_recipe_reaches_every_dropout_of_the_model(
    family: str, checkpoint: Checkpoint
) -> None:
    model = build_classifier(checkpoint(family), "scratch", 2, 0, 0.25)
    rates = {
        name: module.p
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Dropout)
    }
    assert rates
    assert set(rates.values()) == {0.25}, rates


def test_longest_input_is_what_the_model_really_takes(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "scratch", 2, 0, 0.0)
    limit = longest_input(model)
    assert limit == (FAMILIES[family]["max_position_embeddings"] if family in RELATIVE else 64)
    assert isinstance(limit, int)
    assert model(input_ids=torch.full((1, limit), 8)).logits.shape == (1, 2)
    if family not in RELATIVE:
        with pytest.raises((IndexError, RuntimeError, ValueError)):
            model(input_ids=torch.full((1, limit + 1), 8))


def test_compact_embeddings_give_the_same_logits(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0).eval()
    padding = model.config.pad_token_id
    ids = torch.tensor([[2, 40, 12, 33, 3], [2, 50, 3, padding, padding]])
    mask = (ids != padding).long()
    before = model(input_ids=ids, attention_mask=mask).logits
    compact = compact_embeddings(model, sorted({int(token) for token in ids.flatten()}))
    assert compact[padding] == padding
    small = torch.tensor([[compact[int(token)] for token in row] for row in ids])
    after = model(input_ids=small, attention_mask=mask).logits
    assert model.get_input_embeddings().weight.shape[0] == len(compact)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
