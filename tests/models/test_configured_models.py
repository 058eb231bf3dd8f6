"""A model that is another one with changes: what becomes of its files, and what is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import ConfiguredSource, PathSource
from polymath.models.build import build_classifier
from polymath.models.convert.configured import configure_model
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json
from support import quiet
from support.families import Checkpoint
from support.own_data import own
from support.own_models import STANDARD, contents


def configured(
    base: Path, root: Path, weights: PathSource | None = None, **config: str | int | float
) -> Path:
    """Make the model `changed` of a folder, and return its own."""
    files = [base / name for name in STANDARD]
    Manifest.of(root / "base.json", {}, files).write()
    source = ConfiguredSource(kind="configured", base="small", config=config, weights=weights)
    manifest = root / "models" / "changed" / MANIFEST
    configure_model(source, root / "base.json", manifest, quiet, root / "lock.json")
    return manifest.parent


def test_a_changed_configuration_is_a_model_without_weights(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = configured(checkpoint("bert"), tmp_path, num_hidden_layers=1)
    assert contents(folder) == ["config.json", MANIFEST, "tokenizer.json"]
    base = read_json(checkpoint("bert") / "config.json")
    assert read_json(folder / "config.json") == {**base, "num_hidden_layers": 1}
    tokenizer = (checkpoint("bert") / "tokenizer.json").read_bytes()
    assert (folder / "tokenizer.json").read_bytes() == tokenizer
    model = build_classifier(folder, "scratch", 2, 5, None)
    assert len(model.bert.encoder.layer) == 1
    described = Manifest.read(folder / MANIFEST).source
    assert described["config"] == {"num_hidden_layers": 1}


def test_weights_of_its_own_are_fetched_and_converted(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    smaller = tmp_path / "smaller"
    shutil.copytree(configured(checkpoint("bert"), tmp_path / "a", num_hidden_layers=1), smaller)
    encoder = build_classifier(smaller, "scratch", 2, 9, None).bert
    torch.save(encoder.state_dict(), tmp_path / "one-layer.bin")
    weights = own(tmp_path / "one-layer.bin")
    folder = configured(checkpoint("bert"), tmp_path, weights, num_hidden_layers=1)
    assert contents(folder) == sorted([*STANDARD, MANIFEST])
    model = build_classifier(folder, "pretrained", 2, 5, None)
    state = encoder.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.bert.state_dict().items())


def test_another_kind_of_model_takes_what_both_know(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = configured(checkpoint("bert"), tmp_path, model_type="electra", embedding_size=16)
    config = read_json(folder / "config.json")
    base = read_json(checkpoint("bert") / "config.json")
    assert config["vocab_size"] == base["vocab_size"]
    assert config["hidden_size"] == base["hidden_size"]
    assert "architectures" not in config
    model = build_classifier(folder, "scratch", 2, 5, None)
    assert model.config.model_type == "electra"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_hiden_layers": 1}, "a bert has no 'num_hiden_layers': did you mean 'num_hidden"),
        ({"model_type": "distilbert", "n_layerz": 1}, "a distilbert has no 'n_layerz': did you me"),
        ({"model_type": "convnetx"}, "no model_type 'convnetx'"),
    ],
)
def test_an_unknown_key_or_kind_is_named(
    checkpoint: Checkpoint, config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolymathError, match=message) as caught:
        configured(checkpoint("bert"), tmp_path, **config)
    assert "model 'changed': config" in str(caught.value)
