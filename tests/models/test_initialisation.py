"""What each initialisation takes from the checkpoint, tensor by tensor, for every family."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from polymath.models.build import build_classifier, read_checkpoint
from polymath.models.initialisation import (
    other_embedding_names,
    shuffle_entries,
    word_embedding_names,
)
from polymath.util.errors import PolymathError
from support.families import families

Checkpoint = Callable[[str], Path]
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


@pytest.mark.parametrize("init", ["pretrained", "re-emb", "shuffled"])
def test_all_arms_of_a_replicate_share_the_new_head(
    init: str, family: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(family)
    stored, scratch = stored_in(folder), weights_of(folder, "scratch")
    new = [name for name in scratch if name not in stored]
    assert any("classifier" in name for name in new)
    weights = weights_of(folder, init)
    assert all(torch.equal(weights[name], scratch[name]) for name in new)
