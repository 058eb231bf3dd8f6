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


def test_a_second_one_is_kept_out_of_the_folder_and_waits_elsewhere_to_train_nothing_twice(
    workspace: Workspace,
) -> None:
    elsewhere = Workspace(workspace.folder / "elsewhere", workspace.config)
    elsewhere.folder.mkdir()
    log = elsewhere.folder / "log"
    with held_in_training(workspace) as training:
        beside = workspace.run()
        assert beside.returncode == 1
        assert "Directory cannot be locked" in beside.stdout + beside.stderr
        unlocking = workspace.run("--unlock")
        assert unlocking.returncode == 1
        assert "not unlocked" in unlocking.stdout + unlocking.stderr
        with log.open("w") as output:
            second = subprocess.Popen(
                elsewhere.command("--until=finetune"), cwd=elsewhere.folder, stdout=output,
                stderr=output,
            )  # fmt: skip
        end = time.monotonic() + 120
        while "another process trains this" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        training.send_signal(signal.SIGCONT)
        status = second.wait(timeout=120)
    assert status == 0, log.read_text()
    assert "replicate 1 of 1: already finished" in log.read_text()
