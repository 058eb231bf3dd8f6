"""Values that YAML or pydantic would take for others, and numbers beyond sense."""

from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.util.errors import PolymathError
from support import ROOT
from support.workspace import tiny_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("replicates", True),
        ("seed", False),
        ("fractions", [True]),
        ("crossed", {"init": True}),
        ("replicates", 10**12),
        ("crossed", {"init": 10**12}),
        ("shift", 10**26),
        ("seed", 2**70),
    ],
)
def test_booleans_and_absurd_numbers_are_refused(key: str, value: object, tmp_path: Path) -> None:
    config: dict[str, Any] = {**tiny_config(tmp_path, tmp_path), key: value}
    with pytest.raises(PolymathError, match=key):
        load_experiment(config, ROOT / "resources")


@pytest.mark.parametrize(
    ("key", "value"), [("steps", True), ("batch_size", True), ("steps", 10**12)]
)
def test_so_are_those_of_a_recipe(key: str, value: object, tmp_path: Path) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, tmp_path)
    config["recipes"]["tiny"][key] = value
    with pytest.raises(PolymathError, match=f"recipes.tiny.*{key}"):
        load_experiment(config, ROOT / "resources")


@pytest.mark.parametrize("value", ["true", "yes", 1, 0.0, [True]])
def test_a_switch_is_true_or_false(value: object, tmp_path: Path) -> None:
    config: dict[str, Any] = {**tiny_config(tmp_path, tmp_path), "keep_models": value}
    with pytest.raises(PolymathError, match="keep_models: must be true or false"):
        load_experiment(config, ROOT / "resources")


def test_a_switch_is_still_one(tmp_path: Path) -> None:
    config: dict[str, Any] = {**tiny_config(tmp_path, tmp_path), "keep_models": True}
    assert load_experiment(config, ROOT / "resources").keep_models


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipes:\n  a: {steps: 1}\n  b: {steps: 1}\n  a: {steps: 2}\n")
    with pytest.raises(
        PolymathError, match=r"mine.yaml: lines 2 and 4: the key 'a' is there twice"
    ):
        read_config(path)
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {<<: *a}\n")
    assert read_config(path)["b"] == {"x": 1, "y": 2}


def test_a_missing_configuration_is_not_called_bad_yaml(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"config.yaml: cannot be read: No such file"):
        read_config(tmp_path / "config.yaml")
