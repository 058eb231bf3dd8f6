"""Two Snakemakes on the same results: kept out, or kept waiting."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.workspace import Workspace, tiny_config, training_process


@pytest.fixture
def workspace(tmp_path: Path, checkpoint: Callable[[str], Path]) -> Workspace:
    """One condition of one replicate, whose results have the same name from everywhere."""
    config: dict[str, Any] = tiny_config(tmp_path, checkpoint("bert"))
    config["recipes"]["tiny"]["steps"] = 900
    config["datasets"]["odd"]["source"]["path"] = str(tmp_path / "own data.csv")
    return Workspace(tmp_path, {**config, "initialisations": ["scratch"], "replicates": 1,
                                "results": str(tmp_path / "results")})  # fmt: skip


@contextmanager
def held_in_training(workspace: Workspace) -> Iterator[psutil.Process]:
    """Have a Snakemake whose one training process stands still until it is told to go on."""
    with (workspace.folder / "first.log").open("w") as log:
        first = subprocess.Popen(
            workspace.command("--until=finetune"), cwd=workspace.folder, stdout=log, stderr=log
        )
    training = training_process(first.pid, workspace)
    training.send_signal(signal.SIGSTOP)
    try:
        yield training
    finally:
        with suppress(psutil.NoSuchProcess):  # it may have gone on, and ended, already
            training.send_signal(signal.SIGCONT)
        status = first.wait(timeout=120)
    assert status == 0, (workspace.folder / "first.log").read_text()


def test_a_second_one_in_the_same_folder_is_kept_out(workspace: Workspace) -> None:
    with held_in_training(workspace):
        second = workspace.run()
    assert second.returncode == 1
    assert "Directory cannot be locked" in second.stdout + second.stderr


def test_a_second_one_from_another_folder_waits_and_trains_nothing_twice(
    workspace: Workspace,
) -> None:
    elsewhere = workspace.folder / "elsewhere"
    elsewhere.mkdir()
    other = Workspace(elsewhere, workspace.config)
    with held_in_training(workspace) as training:
        with (elsewhere / "log").open("w") as log:
            second = subprocess.Popen(
                other.command("--until=finetune"), cwd=elsewhere, stdout=log, stderr=log
            )
        end = time.monotonic() + 120
        while "another process trains this: waiting" not in (elsewhere / "log").read_text():
            assert time.monotonic() < end, (elsewhere / "log").read_text()
            time.sleep(0.1)
        training.send_signal(signal.SIGCONT)
        status = second.wait(timeout=120)
    said = (elsewhere / "log").read_text()
    assert status == 0, said
    assert "replicate 1 of 1: already finished" in said
