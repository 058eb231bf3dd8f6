"""Representations in the workflow: only when asked for, before and after training."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.workspace import Workspace, tiny_config

COMPARING = dict.fromkeys(
    ["compare_representations", "collect_representations", "representation_figures"], 1
)
ANALYSES = {
    "representations": {"tokens": 400, "items": 10, "bootstraps": 2, "permutations": 3},
    "probes": {
        "replicates": 1, "examples": 4, "gradients": 2, "batch_size": 2, "sequences": 1,
        "draws": 1, "iterations": 2,
    },
}  # fmt: skip


def dna_checkpoint(folder: Path, source: Path) -> Path:
    """A random checkpoint whose tokenizer has a token for each base."""
    shutil.copytree(source, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    for base, word in zip("ACGT", ("w0", "w1", "w2", "w3"), strict=True):
        words[base] = words.pop(word)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def config_of(folder: Path, source: Path) -> dict[str, Any]:
    """Return an experiment of three conditions, of two models and two mappings."""
    config: dict[str, Any] = tiny_config(folder, source)
    native = dna_checkpoint(folder / "native", source)
    config |= {
        "models": ["small", "native"],
        "mappings": ["random", "character"],
        "exclude": [
            {"model": "small", "mapping": "character"},
            {"model": "native", "mapping": "random"},
            {"model": "native", "init": "scratch"},
        ],
        "keep_models": True,
    }
    config["checkpoints"]["native"] = {
        "source": {"kind": "path", "path": str(native)}, "domain": "dna",
    }  # fmt: skip
    return config


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, checkpoint: Callable[[str], Path]) -> Path:
    """The folder of that experiment, run with representations and probes."""
    folder = tmp_path_factory.mktemp("compared")
    workspace = Workspace(folder, config_of(folder, checkpoint("bert")))
    without = workspace.planned()
    workspace.config |= ANALYSES
    probed = {"probe": 3, "collect_probes": 1, "probe_figure": 1}
    assert workspace.planned() == {**without, **COMPARING, **probed}
    result = workspace.run()
    assert result.returncode == 0, result.stderr
    return folder


def test_the_tables_have_all_pairs_and_layers(compared: Path) -> None:
    table = pd.read_parquet(compared / "results/similarity.parquet")
    assert table.groupby(["pair", "state"]).size().to_dict() == {
        (pair, state): 5 * (3 * 3 + 2 * 3)  # three by three layers in one view, three in two
        for pair in ("text-domain", "scratch-domain", "text-scratch", "scratch-scratch")
        for state in ("initial", "fine-tuned")
    }
    assert set(table["mapping"]) == {"random"}
    heads = pd.read_parquet(compared / "results/heads.parquet")
    assert heads["distance"].between(0, 1).all()
    probes = pd.read_parquet(compared / "results/probes.parquet")
    assert probes.groupby(["model", "init", "mapping"]).size().to_list() == [10] * 3


def test_the_models_that_are_compared_are_kept(compared: Path) -> None:
    weights = (compared / "results/runs").rglob("models/*/model.safetensors")
    kept = [path.parent for path in weights]
    assert {path.name for path in kept} == {"replicate-0", "replicate-1"}
    assert len(kept) == 3 * 2


def test_the_figures_are_drawn_and_reported(compared: Path) -> None:
    for name in ("layers", "depth"):
        (picture,) = (compared / "results/representations").rglob(f"{name}.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.with_suffix(".csv").is_file()
    report = (compared / "results/report.html").read_text(encoding="utf-8")
    assert "Not measured in this experiment" not in report
    assert report.count("<figure>") == 9  # two each of matrix and similarity; five others


def test_another_setting_trains_nothing_again_but_judges_anew(compared: Path) -> None:
    workspace = Workspace(compared, json.loads((compared / "experiment.yaml").read_text()))
    again = {**COMPARING, "write_report": 1}
    assert workspace.planned() == {}
    workspace.config["representations"]["bootstraps"] = 3
    assert workspace.planned() == again
    # Also of results alone, of which Snakemake knows nothing.
    (compared / ".snakemake").rename(compared / "forgotten")
    assert workspace.planned() == again
    workspace.config["representations"]["bootstraps"] = 2
    assert workspace.planned() == {}


def test_tables_of_all_models_are_of_those_that_are_asked_for(compared: Path) -> None:
    """Also where Snakemake does not know which tables they were made from."""
    workspace = Workspace(compared, json.loads((compared / "experiment.yaml").read_text()))
    (compared / ".snakemake").rename(compared / "forgotten too")
    workspace.config["exclude"] = [*workspace.config["exclude"], {"init": "scratch"}]
    assert {"collect_probes", "probe_figure"} <= set(workspace.planned())
