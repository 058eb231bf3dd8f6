"""Keys of a configuration that have no effect are named."""

import re
from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.ignored_keys import ignored_keys
from support import ROOT
from support.configurations import READER, RESOURCES, SELF_MODEL, load, own, recipe


def drawn(mapping: str) -> dict[str, Any]:
    """Return a model of each task's own whose symbols' tokens are mapped so in pre-training."""
    source = SELF_MODEL["itself"]["source"]
    return {"itself": {**SELF_MODEL["itself"], "source": {**source, "mapping": mapping}}}


IGNORED: list[tuple[dict[str, Any], str | None]] = [
    ({"replicates": 5, "crossed": {"init": 2, "order": 3}}, "replicates: 5 is ignored.* 6 runs"),
    ({"crossed": {"init": 2}}, None),
    ({"shift": 7}, "shift is ignored"),
    ({"shift": 7, "mappings": ["random", "shift"]}, None),
    (recipe(lora_rank=4), "recipes.mine.lora_rank is ignored"),
    (recipe(lora_rank=4, tuning="lora"), None),
    ({"tasks": ["own"], **own(type="regression"), **recipe(class_weights="balanced")},
     "recipes.mine.class_weights is ignored"),
    (recipe(class_weights="balanced"), None),
    ({"probes": {"replicates": 4}, "replicates": 2}, "probes.replicates: 2 are probed"),
    ({"tasks": ["own"], **own(alphabet={"kind": "character", "k": 4})},
     "datasets.own.alphabet.k is ignored.*kmer"),
    ({"tasks": ["own"], **own(alphabet={"preset": "pitch", "separator": "-"})}, None),
    ({"tasks": ["own"], **own(reader={**READER, "split_names": {"a": "train"}})},
     "datasets.own.reader.split_names is ignored"),
    ({"tasks": ["own"], **own(windows={"size": 512, "stride": 512})},
     "datasets.own.windows.size: of 512 symbols per window, the first 128 are read"),
    ({"tasks": ["own"], **own(windows={"size": 512, "stride": 9}, max_length=512)}, None),
]  # fmt: skip
IGNORED += [
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL},
     "checkpoints.itself.source.mapping: .* splice .* add character"),
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["character"]}, None),
    ({"tasks": ["reuters"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["identity"]}, None),
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["character"], "initialisations": ["scratch"]},
     "checkpoints.itself: its pre-training is of no use"),
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": drawn("random"),
      "mappings": ["random"]},
     "checkpoints.itself.source.mapping: random is drawn again .* replicate 0"),
    ({"models": ["cnn"], "initialisations": ["attention-only", "scratch"]},
     "initialisations: attention-only is ignored"),
    ({"models": ["cnn", "minilm-l3"], "initialisations": ["attention-only", "scratch"]}, None),
    ({"models": ["cnn"], "initialisations": ["scratch"]}, None),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "pattern"), IGNORED)
def test_keys_that_have_no_effect_are_named(changes: dict[str, Any], pattern: str | None) -> None:
    lines = list(ignored_keys(load(**changes)))
    assert len(lines) == (pattern is not None)
    assert all(re.match(str(pattern), line) for line in lines)


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *(RESOURCES / "experiments").glob("*")])
def test_no_experiment_of_ours_has_a_key_without_effect(path: Path) -> None:
    experiment = load_experiment(read_config(path), RESOURCES)
    assert [line for line in ignored_keys(experiment) if not line.startswith("replicates")] == []
