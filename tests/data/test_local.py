"""Raw files of the user's own, from a file or a folder."""

from pathlib import Path
from typing import Any

import pytest

from polymath.data.fetch.local import list_path, require_own_files, require_results_folder
from polymath.experiment.config import load_experiment
from polymath.experiment.paths import ResultPaths
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


# What is found out before anything is computed.


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An experiment on a file and weights of the user's own, in the folder where it starts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").touch()
    return tiny_config(tmp_path, tmp_path / "model.safetensors")


def require(config: dict[str, Any]) -> None:
    require_own_files(load_experiment(config, ROOT / "resources"))


def test_a_tokenizer_of_ones_own_that_is_not_there_is_named(
    config: dict[str, Any], tmp_path: Path
) -> None:
    config["datasets"]["odd"]["alphabet"] = {"kind": "tokenizer", "file": "own.json"}
    with pytest.raises(PolymathError, match=r"datasets.odd: alphabet: .*'own.json' does not exist"):
        require(config)
    (tmp_path / "own.json").touch()
    require(config)


@pytest.mark.parametrize("value", ["br{ace}", "{task}", "a}"])
def test_braces_in_paths_are_named_before_snakemake_takes_them_for_wildcards(
    value: str, config: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "own data.csv").rename(tmp_path / value)
    config["datasets"]["odd"]["source"]["path"] = value
    with pytest.raises(PolymathError, match=r"datasets.odd: .* has braces in its name: rename it"):
        require(config)


@pytest.mark.parametrize("target", ["elsewhere", "nothing"])
def test_a_link_that_hides_data_is_named(
    target: str, config: dict[str, Any], tmp_path: Path
) -> None:
    """A folder of links, and the files that git-annex has not fetched yet."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data/.git").mkdir(parents=True)
    (tmp_path / "data/one.csv").write_text("seq,y")
    (tmp_path / "data/two.csv").symlink_to("one.csv")
    (tmp_path / "data/.git/link").symlink_to("nothing")
    config["datasets"]["odd"]["source"]["path"] = "data"
    require(config)
    (tmp_path / "data/pos").symlink_to(tmp_path / target)
    with pytest.raises(PolymathError, match=r"datasets.odd: 'data/pos' is a link to a folder"):
        require(config)


def test_a_models_folder_without_weights_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    config["checkpoints"]["small"]["source"]["path"] = "model"
    with pytest.raises(PolymathError, match=r"checkpoints.small: no weights in "):
        require(config)
    (tmp_path / "model/model.safetensors").touch()
    require(config)


def test_a_results_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    require_results_folder(ResultPaths.of(tmp_path / "new/results"))
    (tmp_path / "results").write_text("mine")
    for name in ("results", "results/deep"):
        with pytest.raises(PolymathError, match=rf"results: '{tmp_path}/results' is a file"):
            require_results_folder(ResultPaths.of(tmp_path / name))


def test_links_to_nothing_and_names_too_long_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("gone", "loop", "loop/results"):
        with pytest.raises(PolymathError, match="broken link"):
            require_results_folder(ResultPaths.of(tmp_path / name))
    with pytest.raises(PolymathError, match="too long"):
        require_results_folder(ResultPaths.of(tmp_path / ("x" * 300)))
