"""The schema by which editors check a configuration accepts what the workflow accepts."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generate.config_reference import config_schema

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = [ROOT / "config.yaml", *sorted((ROOT / "resources/experiments").glob("*.yaml"))]
OWN: dict[str, Any] = {
    "domain": "dna",
    "source": {"kind": "path", "path": "x.csv"},
    "reader": {"format": "csv"},
    "alphabet": {"preset": "dna", "illegal": "N"},
}


def errors(config: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(config_schema()))
    return [error.message for error in validator.iter_errors(config)]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_shipped_configurations_name_the_schema_and_fit_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    schema = text.splitlines()[0].partition("# yaml-language-server: $schema=")[2]
    assert (path.parent / schema).resolve() == ROOT / "workflow/schemas/config.schema.json"
    assert errors(yaml.safe_load(text)) == []


def test_what_the_types_accept_in_other_forms_fits_and_unknown_keys_do_not() -> None:
    config = {"datasets": {"own": OWN}, "exclude": [{"task": "own"}, {"init": ["scratch"]}]}
    assert errors(config) == []
    assert errors({"datasets": {"own": {**OWN, "alphabet": "protein"}}}) == []
    for wrong in ({"replicate": 3}, {"datasets": {"own": {**OWN, "alphabet": "protien"}}}):
        assert errors(wrong)
