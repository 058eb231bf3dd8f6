"""tests/gpu/check.sh brings what a GPU machine needs, and rehearses all its parts on this one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from support import ROOT
from support.jobs import CLASSES, outputs_in, run_job, write_job

PARTS = {"machine", "smoke", "bench", "scale-begun", "scale", "flops", "profile", "condition",
         "status"}  # fmt: skip
# The random weights of the default experiment, and the tokenizer that reads each task.
BROUGHT = {
    Condition("splice", "minilm-l3", "scratch", "random", "1", "default"): "own",
    Condition("reuters", "minilm-l3", "scratch", "permute", "1", "default"): "minilm-l3",
}
# In place of Python: notes what pip is asked to download, or fails at that if it is told to.
PYTHON = """#!/bin/sh
if [ "$1 $2 $3" != "-m pip download" ]; then exec {python} "$@"; fi
for word in "$@"; do last=$word; done
echo "$last" >>{notes}
exit ${{PIP_STATUS:-0}}
"""


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine whose pip downloads nothing."""
    python = tmp_path / "python"
    python.write_text(PYTHON.format(python=sys.executable, notes=tmp_path / "downloads"))
    python.chmod(0o755)
    return {**os.environ, "TRAVELS": str(tmp_path / "travels"), "PYTHON": str(python)}


def check(machine: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """Run check.sh."""
    command = ["bash", str(ROOT / "tests/gpu/check.sh"), *words]
    return subprocess.run(command, env=machine, capture_output=True, text=True, check=False)


def write_results(folder: Path, checkpoint: Path) -> None:
    """Write small results where the default experiment's lie."""
    job = write_job(folder / "job", checkpoint, CLASSES, replicates=1)
    run_job(job, folder / "job")
    paths, predictions = ResultPaths.of(folder), outputs_in(folder / "job").predictions
    files = {paths.model_manifest("minilm-l3").with_name(name): checkpoint / name
             for name in ("config.json", "tokenizer.json")}  # fmt: skip
    for condition, tokenizer in BROUGHT.items():
        files |= {
            paths.predictions(condition): predictions,
            paths.tokens(condition.task, tokenizer): job.tokens,
            paths.vocabulary(condition.task, condition.model, condition.mapping): job.vocabulary,
        }
    for target, source in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(source)


@pytest.mark.full
def test_the_check_rehearses_every_part_with_what_it_brought(
    machine: dict[str, str], checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    write_results(tmp_path / "results", checkpoint("bert"))
    prepared = check(machine, "prepare", str(tmp_path / "results"))
    assert prepared.returncode == 0, prepared.stderr
    pins = (ROOT / "envs/constraints.txt").read_text().splitlines()
    wheels = (tmp_path / "downloads").read_text().splitlines()
    assert {"transformers", "pydantic", "pandas"} < {wheel.split("==")[0] for wheel in wheels}
    assert set(wheels) <= set(pins)

    done = check(machine, "rehearse")
    out = tmp_path / "travels/out"
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {row["part"] for row in rows} == PARTS, done.stdout
    assert not [row for row in rows if "error" in row], done.stdout
    assert all(row["status"] == 0 for row in rows if row["part"] == "status"), done.stdout
    schemes = {row["scheme"] for row in rows if row["part"] == "bench"}
    assert schemes == {"polymath", "trainer", "authors", "gemm"}
    names = {"-".join((c.task, c.model, c.mapping)) for c in BROUGHT}
    assert {row["name"] for row in rows if row["part"] == "condition"} == names
    assert "4x16 x2:" in (out / "summary.txt").read_text()


def test_a_wheel_that_cannot_be_had_ends_the_preparation(machine: dict[str, str]) -> None:
    done = check({**machine, "PIP_STATUS": "1"}, "prepare", "results")
    assert done.returncode == 1
    assert "no wheel of pydantic for Python 3.12" in done.stderr
