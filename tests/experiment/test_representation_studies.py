"""Which representations are compared with which."""

from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.representation_studies import (
    ModelReplicate,
    RepresentationStudy,
    find_studies,
    floor_replicates,
    list_pairs,
)
from polymath.util.errors import PolymathError
from support import ROOT
from support.workspace import tiny_config


def studies_of(config: dict[str, Any]) -> list[RepresentationStudy]:
    experiment = load_experiment(config, ROOT / "resources")
    return find_studies(experiment, expand_conditions(experiment))


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
    studies = studies_of(config_of(tmp_path))
    assert [(study.text.model, study.text.mapping) for study in studies] == [
        ("small", "random"), ("small", "character"),
    ]  # fmt: skip
    for study in studies:
        assert [(each.model, each.init, each.mapping) for each in study.conditions] == [
            ("small", "pretrained", study.text.mapping),
            ("small", "scratch", study.text.mapping),
            ("native", "pretrained", "character"),
        ]


def test_without_its_own_letters_an_in_domain_model_stays_out(tmp_path: Path) -> None:
    (study,) = studies_of(config_of(tmp_path, mappings=["random"]))
    assert study.in_domain == ()


def test_the_largest_fraction_and_the_first_recipe_are_taken(tmp_path: Path) -> None:
    config = config_of(tmp_path, mappings=["random"], fractions=[0.5, 1])
    config["recipes"] = {"zeroth": config["recipes"]["tiny"], "first": config["recipes"]["tiny"]}
    (study,) = studies_of(config)
    assert (study.text.fraction, study.text.recipe) == ("1", "zeroth")


def test_a_model_pretrained_here_is_in_the_domain_of_its_task(tmp_path: Path) -> None:
    config = config_of(tmp_path, models=["small", "made"])
    config["checkpoints"]["made"] = {
        "source": {"kind": "pretrain", "task": "odd", "base": "small",
                   "recipe": {"learning_rate": 1e-3, "batch_size": 4, "steps": 2}},
    }  # fmt: skip
    studies = studies_of(config)
    assert {study.text.model for study in studies} == {"small"}
    assert all(study.in_domain[0].model == "made" for study in studies)


def test_no_text_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match="representations: no text model begins pretrained"):
        studies_of(config_of(tmp_path, initialisations=["scratch"]))


def test_the_floor_is_another_random_model(tmp_path: Path) -> None:
    assert floor_replicates(2, 3, {}) == [1, 2]
    # Mappings change first: replicates 0 and 1 have the same random weights.
    assert floor_replicates(2, 4, {"mapping": 2, "init": 2}) == [2, 2]
    for changes in ({"replicates": 1}, {"crossed": {"mapping": 3}}):
        with pytest.raises(PolymathError, match="raise 'replicates' or 'crossed'"):
            studies_of(config_of(tmp_path, **changes))


def test_all_pairs_and_the_floor_in_every_replicate() -> None:
    text, scratch, domain = (ModelReplicate(model, 1) for model in range(3))
    assert list_pairs(3, 2, [1, 2])[4:] == [
        ("text-domain", text, domain),
        ("scratch-domain", scratch, domain),
        ("text-scratch", text, scratch),
        ("scratch-scratch", scratch, ModelReplicate(1, 2)),
    ]
    assert [name for name, *_ in list_pairs(2, 1, [1])] == ["text-scratch", "scratch-scratch"]
