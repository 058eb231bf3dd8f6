"""What each model was pre-trained on, and by whose tokenizer it reads."""

from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import (
    Lineage,
    checkpoint_of,
    lineage_of,
    pretrained_here,
    pretraining_domain,
    tokenizer_domain,
    tokenizer_of,
)
from polymath.experiment.representation_studies import find_studies
from polymath.experiment.requests import Requests
from support import ROOT
from support.configurations import RECIPE, SELF_MODEL, refusal
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


def test_a_model_that_is_named_like_anothers_checkpoint_of_a_task_is_itself(tmp_path: Path) -> None:
    source = {"kind": "configured", "base": "small"}
    experiment = experiment_with(tmp_path, **{"small.odd": {"source": source}})
    assert checkpoint_of(experiment, "odd", "small") == "small"
    assert checkpoint_of(experiment, "odd", "small.odd") == "small.odd"


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


def own_and_synthetic(folder: Path, **changes: Any) -> Experiment:
    """The tiny experiment and a text, with a model of each task's own and a synthetic one."""
    config: dict[str, Any] = tiny_config(folder, folder)
    masked = {"kind": "pretrain", "base": "small", "recipe": RECIPE}
    config["checkpoints"] |= {
        "itself": {"source": {**masked, "task": "self"}},
        "dyck": {"source": {**masked, "synthetic": "dyck"}},
    }
    config |= {"models": ["small", "itself", "dyck"], "tasks": ["odd", "reuters"],
               "mappings": ["character", "permute"]}  # fmt: skip
    return load_experiment(config | changes, ROOT / "resources")


def test_each_task_has_a_model_of_its_own(tmp_path: Path) -> None:
    experiment = own_and_synthetic(tmp_path)
    assert checkpoint_of(experiment, "odd", "itself") == "itself.odd"
    assert checkpoint_of(experiment, "odd", "dyck") == "dyck"
    sources = pretrained_here(experiment)
    assert {name: source.task for name, source in sources.items()} == {
        "itself.odd": "odd", "itself.reuters": "reuters", "dyck": None,
    }  # fmt: skip
    # The words of a text are the model's own tokens.
    assert sources["itself.odd"].mapping == "character"
    assert sources["itself.reuters"].mapping == "identity"
    requests = Requests(experiment)
    jobs = {name: requests.pretraining_job(name) for name in sources}
    assert [name for name, job in jobs.items() if job.get("own")] == [
        "itself.odd",
        "itself.reuters",
    ]
    for condition in expand_conditions(experiment):
        path = requests.training_inputs(condition)["model"]
        own = f"itself.{condition.task}" if condition.model == "itself" else condition.model
        assert path == requests.paths.model_manifest(own)
    asked = {request.path for request in requests.all(expand_conditions(experiment))}
    assert requests.paths.model_manifest("itself.odd") in asked
    assert requests.paths.model_manifest("itself") not in asked


def test_what_own_and_synthetic_sources_count_as(tmp_path: Path) -> None:
    """A task's own is in-domain, synthetic is neither that nor text; both have their base."""
    experiment = own_and_synthetic(tmp_path, initialisations=["pretrained", "scratch"])
    conditions = expand_conditions(experiment)
    domains = {"odd": "dna", "reuters": "text"}
    contrasts = find_contrasts(conditions, domains, lineage_of(experiment))
    in_domain = {
        (each.condition.model, each.reference.model, each.condition.task)
        for each in contrasts
        if each.against == "in-domain"
    }
    assert in_domain == {("small", "itself", "odd")}
    lineage = lineage_of(experiment)
    assert (lineage.domains["itself"], lineage.domains["dyck"]) == ("self", "synthetic")
    assert (lineage.bases["itself"], lineage.bases["dyck"]) == ("small", "small")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, "set either 'task'"),
        ({"task": "odd", "synthetic": "dyck"}, "set either 'task'"),
        ({"synthetic": "dick"}, "checkpoints.wrong.source.synthetic.kind: unknown value 'dick'"),
        ({"synthetic": {"kind": "dyck", "symbols": 7}}, "synthetic: 'symbols' is 7"),
        ({"synthetic": "iid", "mapping": "random"}, "'mapping' is of a task's symbols"),
        ({"task": "sefl"}, "checkpoints: wrong: task: 'sefl' is not described"),
    ],
)
def test_a_source_that_is_none_is_refused(source: dict[str, Any], words: str) -> None:
    masked = {"kind": "pretrain", "base": "minilm-l3", "recipe": RECIPE, **source}
    assert words in refusal(models=["wrong"], checkpoints={"wrong": {"source": masked}})


def test_a_model_of_each_task_is_no_base() -> None:
    upper = {"source": {"kind": "configured", "base": "itself"}}
    text = refusal(models=["upper"], checkpoints={**SELF_MODEL, "upper": upper})
    assert "checkpoints: upper: base: 'itself' has other weights" in text


def test_text_is_read_by_the_models_own_tokenizer(tmp_path: Path) -> None:
    experiment = experiment_with(tmp_path)
    assert tokenizer_of(experiment, "reuters", "small", "permute") == "small"
    assert tokenizer_of(experiment, "odd", "small", "random") == "own"
