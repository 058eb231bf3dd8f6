"""Configuration files: keys that stand twice, and the folder that relative paths start from."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import locate_paths, merge_configs, read_config
from polymath.util.errors import PolymathError


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("recipes:\n  short: {steps: 4}\n  long:\n    steps: 5\n    steps: 6\n")
    with pytest.raises(
        PolymathError, match=r"my\.yaml: lines 4 and 5: the key 'steps' is there twice"
    ):
        read_config(path)


@pytest.mark.parametrize("name", ["datasets", "models"])
def test_a_key_that_stands_twice_in_a_catalogue_is_named_too(name: str, tmp_path: Path) -> None:
    for catalogue in ("datasets", "models"):
        (tmp_path / f"{catalogue}.yaml").write_text("{}")
    (tmp_path / f"{name}.yaml").write_text("a: {title: x}\nb: {}\na: {}\n")
    config = {"tasks": ["t"], "models": ["m"], "recipes": {"r": {
        "learning_rate": 0.1, "batch_size": 1, "steps": 1}}}  # fmt: skip
    with pytest.raises(PolymathError, match=rf"{name}\.yaml: lines 1 and 3: the key 'a'"):
        load_experiment(config, tmp_path)


def test_a_merge_key_is_no_repetition(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("a: &a {x: 1, z: 4}\nb: &b {y: 2}\nc:\n  <<: *a\n  x: 3\n")
    assert read_config(path)["c"] == {"x": 3, "z": 4}


def test_a_missing_configuration_is_not_called_bad_yaml(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"config.yaml: cannot be read: No such file"):
        read_config(tmp_path / "config.yaml")


def test_a_home_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(own("~nobody-of-this-name/data.csv")))
    with pytest.raises(PolymathError, match=r"~nobody-of-this-name/data\.csv.*whole path"):
        locate_paths(read_config(path), [path])


def own(path: str, section: str = "datasets") -> dict[str, Any]:
    return {section: {"mine": {"source": {"kind": "path", "path": path}}}}


def write(path: Path, value: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value))
    return path


@pytest.mark.parametrize("section", ["datasets", "checkpoints"])
def test_a_relative_path_starts_at_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = write(tmp_path / "elsewhere/my.yaml", own("d.csv", section))
    located = locate_paths(read_config(file), [file])
    assert located[section]["mine"]["source"]["path"] == str(tmp_path / "elsewhere/d.csv")
    assert located[section]["mine"]["source"]["kind"] == "path"


def test_a_path_of_the_working_folder_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").touch()
    file = write(tmp_path / "elsewhere/my.yaml", own("d.csv"))
    assert locate_paths(read_config(file), [file]) == own("d.csv")
    (tmp_path / "elsewhere/d.csv").touch()  # of two, the one beside the YAML
    assert locate_paths(read_config(file), [file]) == own("elsewhere/d.csv")
    beside = write(tmp_path / "my.yaml", own("d.csv"))
    assert locate_paths(read_config(beside), [beside]) == own("d.csv")


def test_of_several_files_the_one_that_holds_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, then = write(tmp_path / "a/my.yaml", own("x")), write(tmp_path / "b/my.yaml", own("y"))
    merged = merge_configs(read_config(first), read_config(then))
    assert locate_paths(merged, [first, then]) == own("b/y")


def test_own_tokenizers_and_weights_are_located(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {
        "datasets": {"mine": {"alphabet": {"kind": "tokenizer", "file": "t.json"}}},
        "checkpoints": {"m": {"source": {"kind": "configured", "weights": {"path": "w"}}}},
    }
    file = write(tmp_path / "a/my.yaml", config)
    located = locate_paths(read_config(file), [file])
    assert located["datasets"]["mine"]["alphabet"]["file"] == "a/t.json"
    assert located["checkpoints"]["m"]["source"]["weights"]["path"] == "a/w"
