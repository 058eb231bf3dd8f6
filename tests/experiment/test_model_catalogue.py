"""The catalogue describes each model in full, and the page of models names valid ones."""

import re

import yaml

from polymath.experiment.config_errors import parse
from polymath.experiment.models import ModelEntry
from polymath.experiment.sources import HubSource
from support import ROOT


def test_every_model_of_the_catalogue_is_described_in_full() -> None:
    catalogue = yaml.safe_load((ROOT / "resources/models.yaml").read_text())
    page = (ROOT / "resources/docs/models.md").read_text()
    rows = {
        name.strip()
        for line in page.splitlines()
        if line.startswith("| ")
        for name in line.split("|")[1].split(",")
    }
    for name, values in catalogue.items():
        entry = parse(ModelEntry, values, name)
        assert name in rows
        assert entry.size is not None or "dimensions are not known" in entry.notes, name
        assert (entry.tried == "run") == (not isinstance(entry.source, HubSource)), name
        assert entry.title, name
        assert entry.citation, name
        assert entry.licence != "not stated", name


def test_the_pages_models_are_valid() -> None:
    page = (ROOT / "resources/docs/models.md").read_text()
    kinds = {
        name: parse(ModelEntry, entry, name).source.kind
        for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        for name, entry in yaml.safe_load(block).get("checkpoints", {}).items()
    }
    assert kinds == {
        "cased": "hub", "shallow": "configured", "dna-mlm": "pretrain", "gpt2": "hub",
        "self-mlm": "pretrain", "dyck-mlm": "pretrain",
    }  # fmt: skip
