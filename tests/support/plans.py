"""Plans of a small experiment, and the commands that print them."""

from pathlib import Path
from typing import Any

import pytest

from polymath.__main__ import main
from polymath.evaluation.tables import prediction_schema
from polymath.experiment.conditions import Condition
from polymath.experiment.config import load_experiment
from polymath.experiment.models import ModelSize
from polymath.experiment.requests import Requests
from polymath.planning.plan import Plan
from polymath.util.identity import describe
from polymath.util.storage import made_from, write_table
from support import ROOT

DATASET: dict[str, Any] = {
    "domain": "dna",
    "source": {"kind": "path", "path": "data.csv"},
    "reader": {"format": "csv"},
    "alphabet": "dna",
    "rows": {"train": 1000, "dev": 100, "test": 300},
    "max_length": 62,
}
OF_UNKNOWN_SIZE = {name: value for name, value in DATASET.items() if name != "rows"}
MINILM = ModelSize(layers=6, width=384, intermediate=1536, vocabulary=30522)  # the catalogue's
CONFIG: dict[str, Any] = {
    "tasks": ["odd"],
    "models": ["minilm-l6"],
    "recipes": {"short": {"learning_rate": 1e-3, "batch_size": 16, "steps": 50,
                          "evaluations": 5}},
    "replicates": 2,
    "datasets": {"odd": DATASET},
}  # fmt: skip


def finish(plan: Plan, condition: Condition) -> Path:
    """Write a condition's predictions, without a row, as the experiment asks for them."""
    request = Requests(plan.experiment).predictions(condition)
    schema = prediction_schema("classification")
    with made_from(describe(request.asked, {})):
        write_table(schema.empty_table().to_pandas(), request.path, schema, {})
    return request.path


def plan_of(tmp_path: Path, **changes: Any) -> Plan:
    config = {**CONFIG, "results": str(tmp_path / "results"), **changes}
    return Plan(load_experiment(config, ROOT / "resources"))


def run_command(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run `python -m polymath` with these words."""
    monkeypatch.setattr("sys.argv", ["polymath", *words])
    main()
