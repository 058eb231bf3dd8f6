"""Which representations are compared with which."""

from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import Condition, expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.representation_contrasts import (
    Arm,
    Comparison,
    Side,
    expand_comparisons,
    floor_replicates,
    pair_sides,
)
from polymath.util.errors import PolymathError
from support import ROOT
from support.workspace import tiny_config

ANY = Condition("odd", "small", "pretrained", "random", "1", "tiny")


def compared(config: dict[str, Any]) -> list[Comparison]:
    experiment = load_experiment(config, ROOT / "resources")
    return expand_comparisons(experiment, expand_conditions(experiment))


def config_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """The tiny experiment with a DNA model beside the text model, and its representations."""
    config: dict[str, Any] = tiny_config(folder, folder)
    small = config["checkpoints"]["small"]["source"]
    return {
        **config,
        "models": ["small", "native"],
        "mappings": ["random", "character"],
        "representations": {},
        "checkpoints": {"small": {"source": small}, "native": {"source": small, "domain": "dna"}},
        **changes,
    }


def test_text_models_meet_the_in_domain_model_that_reads_the_same_tokens(tmp_path: Path) -> None:
    found = compared(config_of(tmp_path))
    assert [(one.text.model, one.text.mapping) for one in found] == [
        ("small", "random"), ("small", "character"),
    ]  # fmt: skip
    for one in found:
        assert [(arm.role, arm.condition.model, arm.condition.init, arm.condition.mapping)
                for arm in one.arms] == [
            ("text", "small", "pretrained", one.text.mapping),
            ("scratch", "small", "scratch", one.text.mapping),
            ("domain", "native", "pretrained", "character"),
        ]  # fmt: skip


def test_without_its_own_letters_an_in_domain_model_stays_out(tmp_path: Path) -> None:
    (one,) = compared(config_of(tmp_path, mappings=["random"]))
    assert [arm.role for arm in one.arms] == ["text", "scratch"]


def test_the_largest_fraction_and_the_first_recipe_are_taken(tmp_path: Path) -> None:
    config = config_of(tmp_path, mappings=["random"], fractions=[0.5, 1])
    config["recipes"] = {"zeroth": config["recipes"]["tiny"], "first": config["recipes"]["tiny"]}
    (one,) = compared(config)
    assert (one.text.fraction, one.text.recipe) == ("1", "zeroth")


def test_a_model_pretrained_here_is_in_the_domain_of_its_task(tmp_path: Path) -> None:
    config = config_of(tmp_path, models=["small", "made"])
    config["checkpoints"]["made"] = {
        "source": {"kind": "pretrain", "task": "odd", "base": "small",
                   "recipe": {"learning_rate": 1e-3, "batch_size": 4, "steps": 2}},
    }  # fmt: skip
    assert {one.text.model for one in compared(config)} == {"small"}
    assert all(one.arms[2].condition.model == "made" for one in compared(config))


def test_no_text_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match="representations: no text model begins pretrained"):
        compared(config_of(tmp_path, initialisations=["scratch"]))


def test_the_floor_is_another_random_model(tmp_path: Path) -> None:
    assert floor_replicates(2, 3, {}) == [1, 2]
    # Mappings change first: replicates 0 and 1 have the same random weights.
    assert floor_replicates(2, 4, {"mapping": 2, "init": 2}) == [2, 2]
    for changes in ({"replicates": 1}, {"crossed": {"mapping": 3}}):
        with pytest.raises(PolymathError, match="two random models are the floor"):
            compared(config_of(tmp_path, **changes))


def test_all_pairs_and_the_floor_in_every_replicate() -> None:
    arms = [Arm("text", ANY), Arm("scratch", ANY), Arm("domain", ANY)]
    assert pair_sides(arms, 2, [1, 2])[4:] == [
        ("text-domain", Side(0, 1), Side(2, 1)),
        ("scratch-domain", Side(1, 1), Side(2, 1)),
        ("text-scratch", Side(0, 1), Side(1, 1)),
        ("scratch-scratch", Side(1, 1), Side(1, 2)),
    ]
    assert [name for name, *_ in pair_sides(arms[:2], 1, [1])] == [
        "text-scratch", "scratch-scratch",
    ]  # fmt: skip
