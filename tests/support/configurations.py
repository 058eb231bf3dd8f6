"""A small configuration, and what becomes of it with changes."""

from typing import Any

import pytest

from polymath.experiment.conditions import Condition, expand_conditions
from polymath.experiment.config import Experiment, load_experiment
from polymath.util.errors import PolymathError
from support import ROOT

RESOURCES = ROOT / "resources"
RECIPE: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 8, "steps": 3}
BASE: dict[str, Any] = {
    "tasks": ["splice", "reuters"],
    "models": ["minilm-l6"],
    "mappings": ["random", "permute"],
    "recipes": {"short": RECIPE},
}
OWN: dict[str, Any] = {
    "domain": "dna",
    "source": {"kind": "path", "path": "somewhere.csv"},
    "reader": {"format": "csv", "sequence": "seq", "label": "y"},
    "alphabet": "dna",
}
READER, READER_KEY = OWN["reader"], "datasets.own.reader"
SELF_MODEL = {"itself": {"source": {"kind": "pretrain", "task": "self", "base": "minilm-l3",
                                    "recipe": RECIPE}}}  # fmt: skip


def load(**changes: Any) -> Experiment:
    return load_experiment({**BASE, **changes}, RESOURCES)


def refusal(**changes: Any) -> str:
    with pytest.raises(PolymathError) as caught:
        expand_conditions(load(**changes))
    return str(caught.value)


def own(**changes: Any) -> dict[str, Any]:
    """Return the configuration of a data set of the user's own."""
    return {"datasets": {"own": {**OWN, **changes}}}


def recipe(**changes: Any) -> dict[str, Any]:
    return {"recipes": {"mine": {**RECIPE, **changes}}}


def model(**changes: Any) -> dict[str, Any]:
    return {"checkpoints": {"mine": {"source": {"kind": "path", "path": "x"}, **changes}}}


def conditions(**changes: Any) -> list[Condition]:
    return expand_conditions(load(**changes))
