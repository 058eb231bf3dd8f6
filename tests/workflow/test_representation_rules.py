"""Representations in the workflow: only when asked for, before and after training."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from support.workspace import Workspace, tiny_config


def dna_checkpoint(folder: Path, source: Path) -> Path:
    """A random checkpoint whose tokenizer has a token for each base."""
    shutil.copytree(source, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    for base, word in zip("ACGT", ("w0", "w1", "w2", "w3"), strict=True):
        words[base] = words.pop(word)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def test_representations_are_compared_when_asked_for(
    tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, checkpoint("bert"))
    native = dna_checkpoint(tmp_path / "native", checkpoint("bert"))
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
    workspace = Workspace(tmp_path, config)
    without = workspace.planned()
    config["representations"] = {
        "tokens": 400, "items": 10, "bootstraps": 2, "permutations": 3,
    }  # fmt: skip
    config["probes"] = {
        "replicates": 1, "examples": 4, "gradients": 2, "batch_size": 2, "sequences": 1,
        "draws": 1, "iterations": 2,
    }  # fmt: skip
    compared = dict.fromkeys(
        ["compare_representations", "collect_representations", "representation_figures"], 1
    )
    probed = {"probe": 3, "collect_probes": 1, "probe_figure": 1}
    assert workspace.planned() == {**without, **compared, **probed}
    result = workspace.run()
    assert result.returncode == 0, result.stderr
    table = pd.read_parquet(tmp_path / "results/similarity.parquet")
    assert table.groupby(["pair", "state"]).size().to_dict() == {
        (pair, state): 5 * (3 * 3 + 2 * 3)  # three by three layers in one view, three in two
        for pair in ("text-domain", "scratch-domain", "text-scratch", "scratch-scratch")
        for state in ("initial", "fine-tuned")
    }
    assert set(table["mapping"]) == {"random"}
    heads = pd.read_parquet(tmp_path / "results/heads.parquet")
    assert heads["distance"].between(0, 1).all()
    probes = pd.read_parquet(tmp_path / "results/probes.parquet")
    assert probes.groupby(["model", "init", "mapping"]).size().to_list() == [10] * 3
    weights = (tmp_path / "results/runs").rglob("models/*/model.safetensors")
    kept = [path.parent for path in weights]
    assert {path.name for path in kept} == {"replicate-0", "replicate-1"}
    assert len(kept) == 3 * 2
    for name in ("layers", "depth"):
        (picture,) = (tmp_path / "results/representations").rglob(f"{name}.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.with_suffix(".csv").is_file()
    report = (tmp_path / "results/report.html").read_text(encoding="utf-8")
    assert "Not measured in this experiment" not in report
    assert report.count("<figure>") == 9  # two each of matrix and similarity; five others
    assert workspace.planned() == {}
    # Another setting trains nothing again, but the claims are judged anew.
    config["representations"]["bootstraps"] = 3
    assert workspace.planned() == {**compared, "write_report": 1}
    # Also of results alone, of which Snakemake knows nothing.
    shutil.rmtree(tmp_path / ".snakemake")
    assert workspace.planned() == {**compared, "write_report": 1}
    config["representations"]["bootstraps"] = 2
    assert workspace.planned() == {}
