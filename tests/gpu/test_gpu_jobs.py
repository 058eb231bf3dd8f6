"""Whole jobs on a GPU: first use, conditions, interruptions, probes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polymath.analysis.trainability import run as trainability
from polymath.experiment.analyses import Probes
from polymath.training import resumable
from polymath.training.loop import Run, train
from polymath.util.errors import PreemptedError
from support.families import Checkpoint
from support.jobs import CLASSES, outputs_in, run_job, write_job
from support.streams import as_in_a_job

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

FIRST_USE = """
from polymath.training.acceleration.cuda_graphs import ReplicateStream
with ReplicateStream("cuda").activate():
    pass
"""


@pytest.fixture(autouse=True)
def _as_in_a_job() -> Iterator[None]:
    with as_in_a_job():
        yield


def test_a_stream_is_entered_in_a_process_that_has_not_used_cuda() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", FIRST_USE], env=environment, check=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_condition_runs_from_tables_to_tables(
    precision: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, replicates=3,
                    recipe={"precision": precision})  # fmt: skip
    logged = run_job(job, tmp_path, models=True)
    assert any("3 replicates side by side" in line for line in logged)
    outputs = outputs_in(tmp_path, models=True)
    assert outputs.predictions.exists()
    assert outputs.models is not None
    assert len(list(outputs.models.iterdir())) == 3


def test_a_job_that_was_stopped_resumes_to_the_same_predictions(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(runs: list[Run]) -> Iterator[None]:
        for number, turn in enumerate(train(runs), 1):
            if number == 20:
                os.kill(os.getpid(), signal.SIGTERM)
            yield turn

    folders = [tmp_path / name for name in ("straight", "stopped")]
    straight, stopped = (
        write_job(folder, checkpoint("bert"), CLASSES, recipe={"steps": 40}) for folder in folders
    )
    run_job(straight, folders[0])
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "train", stopping)
        with pytest.raises(PreemptedError, match="saved at step 20"):
            run_job(stopped, folders[1])
    assert any("resumed at step 20" in line for line in run_job(stopped, folders[1]))
    found, expected = (np.stack(list(predictions(folder)["logits"])) for folder in folders[::-1])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(outputs_in(folder).predictions)


def test_probes_are_those_of_the_cpu(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def on_the_cpu(*_: Any) -> Iterator[str]:
        yield "cpu"

    job = write_job(tmp_path, checkpoint("bert"), CLASSES, init="pretrained")
    settings = Probes(replicates=1, examples=6, gradients=3, batch_size=4, sequences=1, draws=2,
                      iterations=3)  # fmt: skip
    tables = [tmp_path / "cuda.parquet", tmp_path / "cpu.parquet"]
    trainability.measure_trainability(job, settings, 1, tables[0], lambda message: None)
    monkeypatch.setattr(trainability, "claimed_device", on_the_cpu)
    trainability.measure_trainability(job, settings, 1, tables[1], lambda message: None)
    found, expected = (pd.read_parquet(table)["value"] for table in tables)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
