"""Code that a model brings is never run: the architecture is native, or refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from polymath.models.build import build_classifier
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json
from support.families import Checkpoint
from support.own_models import copy_without, get


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "evil", "auto_map": {"AutoModel": "modeling.Evil"}}, "never runs code"),
        ({"model_type": "bertt"}, "no model_type 'bertt': did you mean 'bert'"),
        ({"model_type": None, "architectures": ["Mine"]}, "'model_type' is missing"),
    ],
)
def test_a_model_that_needs_code_of_its_own_is_refused(
    checkpoint: Checkpoint, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    write_json({**read_json(source / "config.json"), **change}, source / "config.json")
    with pytest.raises(PolymathError, match=message):
        get(source, tmp_path)


def with_code(source: Path, marker: Path, **changes: object) -> Path:
    """Let a checkpoint bring code that leaves a marker as soon as it is imported."""
    code = f"open({str(marker)!r}, 'w').close()\nclass Evil: pass\n"
    for name in ("modeling", "configuration", "tokenization"):
        (source / f"{name}.py").write_text(code)
    names = {"AutoConfig": "configuration.Evil", "AutoModel": "modeling.Evil",
             "AutoModelForMaskedLM": "modeling.Evil",
             "AutoModelForSequenceClassification": "modeling.Evil"}  # fmt: skip
    config = read_json(source / "config.json")
    write_json({**config, "auto_map": names, **changes}, source / "config.json")
    tokenizer = {"auto_map": {"AutoTokenizer": ["tokenization.Evil", "tokenization.Evil"]}}
    write_json(tokenizer, source / "tokenizer_config.json")
    return source


@pytest.mark.parametrize("family", ["bert", "eurobert"])
def test_code_beside_a_native_architecture_is_ignored_and_never_run(
    checkpoint: Checkpoint, family: str, tmp_path: Path
) -> None:
    marker = tmp_path / "code-ran"
    plain = read_json(checkpoint(family) / "config.json")
    source = with_code(copy_without(checkpoint(family), tmp_path / "mine"), marker)
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    folder = get(source, tmp_path)
    assert read_json(folder / "config.json") == plain  # without the names of the code
    model = build_classifier(folder, "pretrained", 2, 5, None)
    assert type(model).__module__.startswith("transformers.models.")
    wanted = build_classifier(checkpoint(family), "pretrained", 2, 5, None).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert not marker.exists()
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before


def test_a_model_that_computes_with_other_tensors_than_its_kind_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    marker = tmp_path / "code-ran"
    source = with_code(copy_without(checkpoint("bert"), tmp_path / "mine"), marker)
    file, weights = source / "model.safetensors", load_file(source / "model.safetensors")
    name = "bert.encoder.layer.1.output.dense.weight"
    short = name.removeprefix("bert.")
    for stored, problem in (
        ({key: weights[key] for key in weights if key != name}, f"no '{short}'"),
        ({**weights, "bert.encoder.layer.0.gate": torch.zeros(2)}, r"'encoder.layer.0.gate' too"),
        ({**weights, name: torch.zeros(32, 128)}, rf"'{short}' with the shape \(32, 128\)"),
    ):
        save_file(stored, file, metadata={"format": "pt"})
        with pytest.raises(PolymathError, match=f"its own Python code.*1 tensors.*{problem}"):
            get(source, tmp_path)
    file.write_bytes(b"cut")
    with pytest.raises(PolymathError, match=r"model\.safetensors: damaged"):
        get(source, tmp_path)
    assert not marker.exists()


def test_encoders_saved_without_a_head_are_matched_too(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = with_code(copy_without(checkpoint("bert"), tmp_path / "mine"), tmp_path / "code-ran")
    bare = {
        key.removeprefix("bert."): value
        for key, value in load_file(source / "model.safetensors").items()
        if key.startswith("bert.")
    }
    save_file(bare, source / "model.safetensors", metadata={"format": "pt"})
    build_classifier(get(source, tmp_path), "pretrained", 2, 5, None)
    assert not (tmp_path / "code-ran").exists()
