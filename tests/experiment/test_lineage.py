"""What each model was pre-trained on, and by whose tokenizer it reads."""

from pathlib import Path
from typing import Any

from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import (
    Lineage,
    lineage_of,
    pretraining_domain,
    tokenizer_domain,
    tokenizer_of,
)
from polymath.experiment.representation_studies import find_studies
from support import ROOT
from support.workspace import tiny_config


def experiment_with(folder: Path, **checkpoints: Any) -> Experiment:
    """The tiny experiment, with a text model `small` and these models beside it."""
    config: dict[str, Any] = tiny_config(folder, folder)
    small = {"source": config["checkpoints"]["small"]["source"]}
    config |= {"models": ["small", *checkpoints], "mappings": ["random", "character"],
               "representations": {}, "checkpoints": {"small": small, **checkpoints}}  # fmt: skip
    return load_experiment(config, ROOT / "resources")


def test_a_configured_model_is_what_its_own_weights_are(tmp_path: Path) -> None:
    """Its base gives the tokenizer and the configuration alone, in every comparison."""
    weights = {"kind": "path", "path": str(tmp_path)}
    source = {"kind": "configured", "base": "small", "weights": weights}
    experiment = experiment_with(tmp_path, native={"source": source, "domain": "dna"})
    assert pretraining_domain(experiment, "native") == "dna"
    assert tokenizer_domain(experiment, "native") == "text"
    conditions = expand_conditions(experiment)
    contrasts = find_contrasts(conditions, {"odd": "dna"}, lineage_of(experiment))
    in_domain = [contrast for contrast in contrasts if contrast.against == "in-domain"]
    assert {(contrast.condition.model, contrast.reference.model) for contrast in in_domain} == {
        ("small", "native")
    }
    for study in find_studies(experiment, conditions):
        assert study.text.model == "small"
        assert [condition.model for condition in study.in_domain] == ["native"]


def test_a_configuration_without_weights_has_no_domain(tmp_path: Path) -> None:
    bare = {"source": {"kind": "configured", "base": "small"}}
    experiment = experiment_with(tmp_path, bare=bare)
    assert pretraining_domain(experiment, "bare") is None
    assert lineage_of(experiment).domains == {"small": "text"}


def test_a_model_pretrained_here_has_its_tasks_domain_and_its_base() -> None:
    path = ROOT / "resources/experiments/source-target.yaml"
    lineage = lineage_of(load_experiment(read_config(path), ROOT / "resources"))
    assert lineage.domains["dna-mlm"] == "dna"
    assert lineage.domains["text-mlm"] == "text"
    assert lineage.bases == dict.fromkeys(
        ("dna-mlm", "protein-mlm", "music-mlm", "text-mlm"), "small-bert"
    )
    assert Lineage.model_validate_json(lineage.model_dump_json()) == lineage


def test_text_is_read_by_the_models_own_tokenizer(tmp_path: Path) -> None:
    experiment = experiment_with(tmp_path)
    assert tokenizer_of(experiment, "reuters", "small", "permute") == "small"
    assert tokenizer_of(experiment, "odd", "small", "random") == "own"
