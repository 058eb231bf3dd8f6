"""The check of a GPU machine, rehearsed on this one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import ROOT
from support.jobs import CLASSES, outputs_in, run_job, write_job

PARTS = {"machine", "smoke", "bench", "scale", "profile", "condition", "status"}


def bring_condition(folder: Path, checkpoint: Path) -> None:
    """Write a small condition as check.sh prepare brings one."""
    job = write_job(folder, checkpoint, CLASSES, replicates=1)
    run_job(job, folder)
    (folder / "model").mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / "model" / name).write_bytes((checkpoint / name).read_bytes())
    (folder / "model/manifest.json").write_bytes(job.model.read_bytes())
    outputs_in(folder).predictions.rename(folder / "predictions.parquet")
    stored = {"condition": job.condition.columns, "recipe": job.recipe.model_dump(mode="json"),
              "metric": job.metric, "seed": job.seed, "crossed": {},
              "labels": ["even", "odd"]}  # fmt: skip
    (folder / "job.json").write_text(json.dumps(stored))


@pytest.mark.full
def test_the_check_rehearses_every_part(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    bring_condition(tmp_path / "inputs/odd", checkpoint("bert"))
    environment = {**os.environ, "OUT": str(tmp_path / "out"), "PYTHON": sys.executable,
                   "INPUTS": str(tmp_path / "inputs")}  # fmt: skip
    command = ["bash", str(ROOT / "tests/gpu/check.sh"), "rehearse"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = (tmp_path / "out/results.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["part"] for row in rows} >= PARTS, done.stdout
    assert not [row for row in rows if "error" in row], done.stdout
    assert all(row["status"] == 0 for row in rows if row["part"] == "status"), done.stdout
    assert "4x16 x2:" in (tmp_path / "out/summary.txt").read_text()
