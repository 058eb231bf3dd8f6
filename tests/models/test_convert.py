"""Models in other forms than config.json, model.safetensors and tokenizer.json."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.paths import MANIFEST
from polymath.models.build import build_classifier
from polymath.models.convert.checkpoint import convert_checkpoint
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_json, write_json
from support import ROOT
from support.families import SPECIALS, Checkpoint
from support.own_models import contents, copy_without, get


def test_a_standard_folder_stays_where_it_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    (source / "1_Pooling").mkdir()
    write_json({"pooling": "mean"}, source / "1_Pooling" / "config.json")
    folder = get(source, tmp_path)
    assert contents(folder) == [MANIFEST]
    files = [file.path for file in Manifest.read(folder / MANIFEST).files]
    assert files[0] == str(source / "config.json")
    assert files[-1] == str(source / "1_Pooling/config.json")


def test_a_standard_folder_is_fetched_without_torch(checkpoint: Checkpoint, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from polymath.experiment.sources import PathSource; "
        "from polymath.models.convert.fetch_model import fetch_model; "
        f"fetch_model(PathSource(kind='path', path={str(checkpoint('bert'))!r}), "
        "Path('models/odd/manifest.json'), print); "
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "models/odd/manifest.json").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.safetensors", "no weights among"),
        ("config.json", r"no config\.json among"),
        ("tokenizer.json", "no tokenizer among"),
    ],
)
def test_what_is_missing_is_named(
    checkpoint: Checkpoint, name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolymathError, match=message):
        get(copy_without(checkpoint("bert"), tmp_path / "mine", name), tmp_path)


def test_a_missing_model_type_is_taken_from_the_architecture(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = copy_without(checkpoint("bert"), tmp_path / "mine")
    config = read_json(source / "config.json")
    write_json({key: config[key] for key in config if key != "model_type"}, source / "config.json")
    folder = get(source, tmp_path)
    assert read_json(folder / "config.json") == config
    assert build_classifier(folder, "pretrained", 2, 5, None).config.model_type == "bert"


def altered(source: Path, target: Path, content: bytes) -> Path:
    """Copy a model's folder with another config.json."""
    shutil.copytree(source, target)
    (target / "config.json").write_bytes(content)
    return target


def test_relative_positions_may_be_as_many_as_there_are(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    config = {**read_json(checkpoint("bert") / "config.json"), "max_relative_positions": -1}
    get(altered(checkpoint("bert"), tmp_path / "mine", json.dumps(config).encode()), tmp_path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"attn_implementation": "owner/name"}, "attn_implementation"),
        ({"_attn_implementation": "kernels-community/flash"}, "_attn_implementation"),
        ({"text_config": {"_attn_implementation": "owner/name"}}, "_attn_implementation"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config"),
        ({"num_hidden_layers": 10**9}, "1,000"),
        ({"num_labels": 10**9}, "10,000,000"),
        ({"vocab_size": 10**12}, "10,000,000"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"model_type": ["bert"]}, "model_type"),
    ],
)
def test_foreign_code_and_absurd_sizes_are_refused_before_anything_is_built(
    change: dict[str, Any], word: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    config = {**read_json(checkpoint("bert") / "config.json"), **change}
    folder = altered(checkpoint("bert"), tmp_path / "mine", json.dumps(config).encode())
    with pytest.raises(PolymathError, match=rf"config.json: .*{word}"):
        get(folder, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[1]", b'"x"', "{}".encode("utf-16"), b"[" * 100_000, b'{"a": ' + b"9" * 9000],
)
def test_a_config_that_is_no_dictionary_is_named(
    content: bytes, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = altered(checkpoint("bert"), tmp_path / "mine", content)
    with pytest.raises(PolymathError, match=r"mine/config\.json"):
        get(folder, tmp_path)


def test_of_several_checkpoints_of_a_trainer_none_is_taken(tmp_path: Path) -> None:
    files = []
    for name in ("checkpoint-1000", "checkpoint-2000"):
        (tmp_path / name).mkdir()
        files += [tmp_path / name / part for part in ("config.json", "model.safetensors")]
    with pytest.raises(PolymathError, match=r"checkpoint-1000, checkpoint-2000.*'path'"):
        convert_checkpoint(files, tmp_path / "out", lambda _: None)


# Damaged files of a user's own folder: named, and left where they are.

DAMAGED_FILES: list[tuple[str, bytes]] = [
    ("model.safetensors.index.json", b"{"),
    ("model.safetensors.index.json", b"[]"),
    ("model.safetensors.index.json", b"{}"),
    ("model.safetensors.index.json", b'{"weight_map": ["a"]}'),
    ("model.safetensors.index.json", b'{"weight_map": {"a": 3}}'),
    ("tokenizer_config.json", b"{\xff"),
    ("tokenizer_config.json", b"[1]"),
    ("odd.safetensors", b""),
    ("odd.safetensors", b"\xff" * 64),
    ("odd.safetensors", (2).to_bytes(8, "little") + b"{]"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED_FILES)
def test_a_damaged_file_of_the_users_own_is_named_and_stays(
    name: str, content: bytes, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    absent = ["tokenizer.json"] if "tokenizer" in name else ["model.safetensors"]
    source = copy_without(checkpoint("bert"), tmp_path / "mine", *absent)
    (source / "vocab.txt").write_text("\n".join(SPECIALS))
    (source / name).write_bytes(content)
    with pytest.raises(PolymathError, match=rf"{re.escape(str(source / name))}: .*again") as caught:
        get(source, tmp_path)
    assert not isinstance(caught.value, DamagedError)  # which would be set aside
    assert (source / name).read_bytes() == content
