"""Baselines in the workflow: a rule of their own, beside the models in matrix and figures."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from support.workspace import Workspace, tiny_config


def test_baselines_are_answered_scored_and_kept_apart_from_what_is_trained(
    tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    config = tiny_config(tmp_path, checkpoint("bert"))
    # Models that are kept take nothing away from the rule.
    kept = {"initialisations": ["scratch"], "keep_models": True}
    workspace = Workspace(tmp_path, {**config, **kept})
    without = workspace.planned()
    workspace.config["baselines"] = ["majority", "ngram"]
    planned = workspace.planned()
    # The models' mapping and the baselines read the same tokens.
    assert planned == {**without, "baseline": 2}  # a task is scored by one job
    result = workspace.run("--until=evidence")
    assert result.returncode == 0, result.stderr
    matrix = pd.read_parquet(tmp_path / "results/matrix.parquet").set_index(["model", "init"])
    assert matrix.index.to_list() == [("small", "scratch"), ("majority", "none"), ("ngram", "none")]
    majority = matrix.loc[("majority", "none")]
    assert majority["mean"] == majority["chance"]
    assert matrix.loc[("ngram", "none"), "mean"] > majority["mean"]
    assert not {"baseline", "evidence"} & set(workspace.planned())
    workspace.config["replicates"] = 3
    assert workspace.planned()["baseline"] == 2
