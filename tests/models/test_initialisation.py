"""What each initialisation takes from the checkpoint, tensor by tensor, for every family."""

import re
from pathlib import Path

import pytest
import torch

from polymath.models.build import build_classifier, read_checkpoint
from polymath.models.cnn import CnnConfig, CnnForSequenceClassification
from polymath.models.initialisation import (
    initialise,
    other_embedding_names,
    shuffle_entries,
    word_embedding_names,
)
from polymath.models.parts import attention_names, feed_forward_names, norm_names
from polymath.util.errors import PolymathError
from support.families import CLASSIFIERS, Checkpoint, families

Weights = dict[str, torch.Tensor]
# The tables that are neither words nor layers, by family; rotary positions have no table.
KEPT = {
    "bert": {"position_embeddings", "token_type_embeddings"},
    "roberta": {"position_embeddings", "token_type_embeddings"},
    "albert": {"position_embeddings", "token_type_embeddings"},
    "electra": {"position_embeddings", "token_type_embeddings"},
    "distilbert": {"position_embeddings"},
    "deberta-v2": {"rel_embeddings"},
    "modernbert": set(),
    "esm": set(),
}


@pytest.fixture(params=families())
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def weights_of(folder: Path, init: str, seed: int = 5) -> Weights:
    return build_classifier(folder, init, 3, seed, None).state_dict()


def stored_in(folder: Path) -> Weights:
    return read_checkpoint(build_classifier(folder, "scratch", 3, 0, None), folder)


def test_pretrained_is_the_checkpoint_and_a_new_head(family: str, checkpoint: Checkpoint) -> None:
    folder = checkpoint(family)
    stored, scratch = stored_in(folder), weights_of(folder, "scratch")
    assert any("classifier" in name for name in scratch.keys() - stored.keys())
    for name, value in weights_of(folder, "pretrained").items():
        assert torch.equal(value, stored.get(name, scratch[name])), name


def test_re_emb_differs_from_pretrained_in_the_word_embeddings_alone(
    family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    words = word_embedding_names(build_classifier(folder, "scratch", 3, 0, None))
    pretrained, scratch = weights_of(folder, "pretrained"), weights_of(folder, "scratch")
    assert len(words) == 1
    for name, value in weights_of(folder, "re-emb").items():
        expected = scratch if name in words else pretrained
        assert torch.equal(value, expected[name]), name
    assert not torch.equal(scratch[min(words)], pretrained[min(words)])


def test_embeddings_only_keeps_positions_and_types_of_a_random_encoder(
    family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    if not KEPT[family]:
        with pytest.raises(PolymathError, match=f"a {family} model has no table of positions"):
            weights_of(folder, "embeddings-only")
        return
    pretrained, scratch = weights_of(folder, "pretrained"), weights_of(folder, "scratch")
    weights = weights_of(folder, "embeddings-only")
    kept = {name for name in weights if name.split(".")[-2] in KEPT[family]}
    assert {name.split(".")[-2] for name in kept} == KEPT[family]
    assert kept == other_embedding_names(build_classifier(folder, "scratch", 3, 0, None))
    for name, value in weights.items():
        assert torch.equal(value, (pretrained if name in kept else scratch)[name]), name
    assert not any(torch.equal(pretrained[name], scratch[name]) for name in kept)


# What is a norm, of attention or of the feed-forward part, by the names that the families use.
NORM = re.compile(r"(norm|LayerNorm|norm_after|ln_\w)$")
ATTENTION = re.compile(r"(self\.\w+|attention\.(output\.)?\w+|attn\.\w+)$")
FEED_FORWARD = re.compile(
    r"(layers?|h)\.\d+\.((intermediate|output)\.dense|mlp\.\w+|ffn\.\w+)$|ffn(_output)?$"
)
FIRST_LAYER = re.compile(r"\b(layers?|h)\.0\.")
TABLES = re.compile(r"embed|wte|wpe")


def expected_of(init: str, name: str) -> bool:
    """Whether an initialisation takes a tensor of the encoder from the checkpoint."""
    module = name.rpartition(".")[0]
    if "pooler" in name or "contact_head" in name or not is_of_encoder(name):
        return False
    if init == "norms-only":
        return bool(NORM.search(module))
    if init == "first-1-layers":
        outside = TABLES.search(module) and ".layer" not in module
        return bool(outside or FIRST_LAYER.search(name))
    if NORM.search(module):
        return False
    is_attention = bool(ATTENTION.search(module))
    if init == "attention-only":
        return is_attention
    return bool(FEED_FORWARD.search(module)) and not is_attention


def is_of_encoder(name: str) -> bool:
    prefixes = ("bert.", "roberta.", "albert.", "electra.", "distilbert.", "deberta.", "esm.")
    return name.startswith((*prefixes, "model.", "transformer."))


@pytest.mark.parametrize("init", ["attention-only", "mlp-only", "norms-only", "first-1-layers"])
@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_a_part_is_the_checkpoints_and_all_else_is_random(
    init: str, family: str, checkpoint: Checkpoint
) -> None:
    model = build_classifier(checkpoint(family), "scratch", 3, 5, None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if family == "albert" and init == "first-1-layers":
        with pytest.raises(PolymathError, match=r"first-1-layers.* albert model has no layers"):
            initialise(model, init, {}, 5)
        return
    initialise(model, init, {name: value + 1 for name, value in before.items()}, 5)
    parameters = dict(model.named_parameters())
    changed = {name for name, value in parameters.items() if not torch.equal(value, before[name])}
    assert changed == {name for name in parameters if expected_of(init, name)}
    assert all(torch.equal(parameters[name], before[name] + 1) for name in changed)


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_the_parts_cover_each_layer_and_do_not_overlap(family: str, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint(family), "scratch", 3, 5, None)
    kinds = [attention_names(model), feed_forward_names(model), norm_names(model)]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    layered = {
        name for name in dict(model.named_parameters()) if re.search(r"\b(layers?|h)\.\d+\.", name)
    }
    assert layered <= set().union(*kinds)


def test_more_layers_than_the_model_has_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(PolymathError, match="first-3-layers: a bert model has 2 layers, and not 3"):
        weights_of(checkpoint("bert"), "first-3-layers")


@pytest.mark.parametrize("init", ["attention-only", "mlp-only", "mimetic", "first-9-layers"])
def test_a_part_that_a_convolutional_network_lacks_is_refused(init: str) -> None:
    model = CnnForSequenceClassification(CnnConfig(vocab_size=9, hidden_size=8, num_labels=2))
    with pytest.raises(PolymathError, match=rf"{init}: a polymath-cnn model has .*exclude it"):
        initialise(model, init, {}, 0)


def test_shuffled_has_each_tensors_entries_and_not_their_places(
    family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    stored, scratch = stored_in(folder), weights_of(folder, "scratch")
    moved = 0
    for name, value in weights_of(folder, "shuffled").items():
        if name not in stored:
            assert torch.equal(value, scratch[name]), name
            continue
        assert torch.equal(value.flatten().sort().values, stored[name].flatten().sort().values)
        varied = stored[name].unique().numel() > 8
        moved += varied
        assert not varied or not torch.equal(value, stored[name]), name
    assert moved >= 10


def test_shuffling_depends_on_the_seed_and_the_name_alone() -> None:
    value = torch.arange(60.0).reshape(6, 10)
    first = shuffle_entries(value, 1, "a")
    assert torch.equal(first, shuffle_entries(value, 1, "a"))
    assert not torch.equal(first, shuffle_entries(value, 2, "a"))
    assert not torch.equal(first, shuffle_entries(value, 1, "b"))
