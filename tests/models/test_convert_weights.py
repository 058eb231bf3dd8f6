"""Weights in other files than model.safetensors become the same tensors, or are refused."""

import errno
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel, AutoModelForMaskedLM

from polymath.experiment.paths import MANIFEST
from polymath.models.build import build_classifier
from polymath.models.convert.checkpoint import convert_checkpoint
from polymath.models.convert.weights import refuse_wrapped
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json
from support import quiet
from support.families import Checkpoint, families
from support.onnx_export import export
from support.own_models import STANDARD, contents, copy_without, get


@pytest.mark.parametrize("family", families())
def test_pickled_weights_become_the_same_tensors(
    checkpoint: Checkpoint, family: str, tmp_path: Path
) -> None:
    original = checkpoint(family)
    source = copy_without(original, tmp_path / "mine", "model.safetensors")
    model = AutoModelForMaskedLM.from_pretrained(original)
    torch.save(model.state_dict(), source / "pytorch_model.bin")
    folder = get(source, tmp_path)
    assert contents(folder) == sorted([*STANDARD, MANIFEST])
    assert contents(source) == ["config.json", "pytorch_model.bin", "tokenizer.json"]
    converted = load_file(folder / "model.safetensors")
    state = model.state_dict()  # tied tensors under all their names
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], state[name]) for name in state)
    loaded, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    first, second = (
        build_classifier(path, "pretrained", 2, 5, None) for path in (original, folder)
    )
    again = second.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("in_parts", ["safetensors", "bin"])
def test_weights_in_parts_become_one_file(
    checkpoint: Checkpoint, in_parts: str, tmp_path: Path
) -> None:
    whole = load_file(checkpoint("bert") / "model.safetensors")
    source = copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")
    stem = "model" if in_parts == "safetensors" else "pytorch_model"
    index: dict[str, str] = {}
    for number in (1, 2):
        name = f"{stem}-0000{number}-of-00002.{in_parts}"
        shard = {key: whole[key] for key in sorted(whole)[number - 1 :: 2]}
        index |= dict.fromkeys(shard, name)
        if in_parts == "bin":
            torch.save(shard, source / name)
        else:
            save_file(shard, source / name)
    write_json({"weight_map": index}, source / f"{stem}.{in_parts}.index.json")
    converted = load_file(get(source, tmp_path) / "model.safetensors")
    assert converted.keys() == whole.keys()
    assert all(torch.equal(converted[name], whole[name]) for name in whole)
    (source / f"{stem}-00002-of-00002.{in_parts}").unlink()
    with pytest.raises(PolymathError, match=f"names '{stem}-00002-of-00002.{in_parts}'"):
        get(source, tmp_path / "again")


@pytest.fixture
def bare(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A folder of the user's without weights."""
    return copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")


class Malicious:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/polymath-pickle-ran"),))


def test_a_pickle_with_code_is_refused_and_not_run(bare: Path, tmp_path: Path) -> None:
    file = bare / "pytorch_model.bin"
    torch.save({"weight": Malicious()}, file)
    with pytest.raises(PolymathError, match=r"pytorch_model\.bin: .* running code"):
        get(bare, tmp_path)
    file.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(PolymathError, match=r"pytorch_model\.bin: .* running code"):
        get(bare, tmp_path)
    assert not Path("/tmp/polymath-pickle-ran").exists()


@pytest.mark.parametrize(
    ("stored", "message"),
    [({"step": 3, "model": {}}, "'step' is not a tensor"), (torch.zeros(3), "a Tensor, not")],
)
def test_what_is_not_a_state_dict_is_refused(
    bare: Path, tmp_path: Path, stored: object, message: str
) -> None:
    torch.save(stored, bare / "pytorch_model.bin")
    with pytest.raises(PolymathError, match=rf"{message}.*torch\.save"):
        get(bare, tmp_path)


def test_two_files_of_weights_are_not_guessed_between(bare: Path, tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        torch.save({}, bare / name)
    with pytest.raises(PolymathError, match=r"several files of weights, a\.bin, b\.bin"):
        get(bare, tmp_path)


def test_fetched_originals_give_way_to_what_they_became(bare: Path, checkpoint: Checkpoint) -> None:
    torch.save(load_file(checkpoint("bert") / "model.safetensors"), bare / "weights.bin")
    (bare / "special_tokens_map.json").write_text("{}")
    standard = convert_checkpoint(list(bare.iterdir()), bare, quiet)
    assert standard == [bare / name for name in STANDARD]
    assert contents(bare) == STANDARD


class Wrapped(nn.Module):
    """As sentence-transformers wraps an encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.model = nn.ModuleList([nn.ModuleDict({"auto_model": encoder})])


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_an_onnx_file_becomes_the_encoder_it_was_exported_from(
    checkpoint: Checkpoint, family: str, is_wrapped: bool, tmp_path: Path
) -> None:
    source = copy_without(checkpoint(family), tmp_path / "mine", "model.safetensors")
    encoder = AutoModel.from_pretrained(checkpoint(family))
    export(Wrapped(encoder) if is_wrapped else encoder, source / "any.onnx")
    folder = get(source, tmp_path)
    converted = load_file(folder / "model.safetensors")
    wanted = dict(encoder.named_parameters())
    assert converted.keys() == wanted.keys()
    assert all(torch.equal(converted[name], wanted[name]) for name in wanted)
    build_classifier(folder, "pretrained", 2, 5, None)  # knows all of the encoder's tensors


def test_an_onnx_file_of_another_model_is_refused(
    bare: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    export(AutoModel.from_pretrained(checkpoint("bert")), bare / "any.onnx")
    config = read_json(bare / "config.json")
    for change, message in (
        ({"num_hidden_layers": 3}, r"no tensor 'encoder\.layer\.2\.attention"),
        ({"intermediate_size": 32}, r"'encoder\.layer\.0\.intermediate.*has the shape"),
    ):
        write_json({**config, **change}, bare / "config.json")
        with pytest.raises(PolymathError, match=message):
            get(bare, tmp_path)
    (bare / "any.onnx").write_bytes(b"no protocol buffer")
    with pytest.raises(PolymathError, match=r"not an \.onnx file, or damaged"):
        get(bare, tmp_path)


@pytest.mark.parametrize(
    ("names", "refused"),
    [(["module.a", "module.b"], True), (["module.a", "b"], False), ([], False)],
)
def test_weights_of_a_wrapped_model_are_refused(
    tmp_path: Path, names: list[str], refused: bool
) -> None:
    file = tmp_path / "model.safetensors"
    save_file({name: torch.zeros(2) for name in names}, file)
    if refused:
        with pytest.raises(PolymathError, match=r"model\.safetensors.*'module\.'"):
            refuse_wrapped(file)
    else:
        refuse_wrapped(file)


def test_a_standard_folder_of_a_wrapped_model_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkpoint("bert"), source)
    files = [source / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    assert convert_checkpoint(files, tmp_path / "out", quiet) == sorted(files)
    tensors = load_file(source / "model.safetensors")
    save_file({f"module.{name}": value for name, value in tensors.items()}, files[1])
    with pytest.raises(PolymathError, match=r"'module\.'.*model\.module"):
        convert_checkpoint(files, tmp_path / "out", quiet)


def test_weights_that_the_machine_cannot_open_are_not_called_damaged(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's mistake is not tried again in a run; what the machine lacked for a moment is."""
    source = copy_without(checkpoint("bert"), tmp_path / "mine", "model.safetensors")
    (source / "pytorch_model.bin").write_bytes(b"whole")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("torch.load", fail)
    with pytest.raises(OSError, match="Too many open files"):
        get(source, tmp_path)
