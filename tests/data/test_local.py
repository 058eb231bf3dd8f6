"""Raw files of the user's own, from a file or a folder."""

from pathlib import Path
from typing import Any

import pytest

from polymath.data.fetch.local import list_path, require_own_files
from polymath.experiment.config import load_experiment
from polymath.util.errors import PolymathError
from support import ROOT
from support.own_data import own
from support.workspace import tiny_config


def test_a_path_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    for name, problem in (("gone", "does not exist"), ("empty", "is an empty folder")):
        with pytest.raises(PolymathError, match=f"{name}' {problem}"):
            list_path(own(tmp_path / name))


def test_a_single_file_is_taken_even_if_hidden(tmp_path: Path) -> None:
    file = tmp_path / ".data.csv"
    file.write_text("x")
    assert list_path(own(file)) == [file]


def test_a_folder_gives_its_files_sorted_without_hidden_ones(tmp_path: Path) -> None:
    folder = tmp_path / ".private"  # above the source, hidden folders hide nothing
    for name in ["b/deep/two.csv", "a.csv", ".hidden.csv", ".git/config", "b/.cache/three.csv"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert list_path(own(folder)) == [folder / "a.csv", folder / "b/deep/two.csv"]


def test_a_tokenizer_of_ones_own_that_is_not_there_is_named_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").touch()
    config: dict[str, Any] = tiny_config(tmp_path, tmp_path / "model.safetensors")
    config["datasets"]["odd"]["alphabet"] = {"kind": "tokenizer", "file": "own.json"}
    experiment = load_experiment(config, ROOT / "resources")
    with pytest.raises(PolymathError, match=r"datasets.odd: alphabet: .*'own.json' does not exist"):
        require_own_files(experiment)
    (tmp_path / "own.json").touch()
    require_own_files(experiment)
