"""Interrupted jobs: killed, stopped by a signal, or with damaged checkpoints."""

import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polymath.models.build import build_classifier
from polymath.training import resumable as resumable_module
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.checkpoints import CheckpointStore
from polymath.training.job import Execution
from polymath.training.loop import Run, train
from polymath.training.replicate import ConditionInputs
from polymath.training.resumable import ResumableRun, Session
from polymath.util import storage
from polymath.util.errors import PreemptedError
from support import ROOT
from support.checkpoints import some_checkpoint
from support.families import Checkpoint
from support.jobs import (
    CLASSES,
    long_job,
    outputs_in,
    predictions_of,
    recipe_of,
    run_job,
    some_data,
    write_job,
)
from support.mutations import cut_off, flip
from support.workspace import heed_signals

FORK = multiprocessing.get_context("fork")


def start(folder: Path, source: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "tests/support/jobs.py"), str(folder), str(source),
               str(seconds)]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals)


@pytest.fixture(scope="module")
def undisturbed(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The predictions of the long job, run through."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_job(long_job(folder, checkpoint("bert")), folder)
    return predictions_of(folder)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def wait_for_checkpoint(store: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process that has just started has saved a checkpoint, or ended."""
    before = set(store.glob("[!.]*.step-*.json"))
    wait_for(
        lambda: bool(set(store.glob("[!.]*.step-*.json")) - before) or process.poll() is not None,
        180,
    )


def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    checkpoint: Checkpoint, tmp_path: Path, undisturbed: bytes
) -> None:
    moments, resumed, store = random.Random(4), 0, tmp_path / "out/.replicates"
    for _ in range(2):
        process = start(tmp_path, checkpoint("bert"), 0.05)
        wait_for_checkpoint(store, process)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        _, printed = process.communicate()
        assert process.returncode == -signal.SIGKILL, "too fast to be interrupted"
        resumed += "resumed at step" in printed
    assert resumed == 1
    run_job(long_job(tmp_path, checkpoint("bert")), tmp_path, seconds=0.05)
    assert predictions_of(tmp_path) == undisturbed
    left = [path.name for path in (tmp_path / "out/.replicates").iterdir() if "step-" in path.name]
    assert left == [], "checkpoints of finished replicates are removed"


def test_a_stop_signal_saves_first_and_training_resumes_from_that_step(
    checkpoint: Checkpoint, tmp_path: Path, undisturbed: bytes
) -> None:
    process = start(tmp_path, checkpoint("bert"), 3600)
    log = tmp_path / "log"
    wait_for(lambda: log.exists() and "step 50 of 400" in log.read_text())
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == os.EX_TEMPFAIL
    last = printed.strip().splitlines()[-1]
    assert "received SIGTERM: replicate 1 of 2 saved at step " in last
    step = last.partition("saved at step ")[2].partition(";")[0]
    assert int(step) >= 50
    logged = run_job(long_job(tmp_path, checkpoint("bert")), tmp_path)
    assert any(f"replicate 1 of 2: resumed at step {step}" in line for line in logged)
    assert predictions_of(tmp_path) == undisturbed


def killed_in_the_final_write(folder: Path, checkpoint: Path) -> None:
    """Run a job in this process until its predictions are to get their name; SIGKILL it there."""

    def flush(path: Path) -> None:
        if path.name.startswith(".predictions."):
            os.kill(os.getpid(), signal.SIGKILL)

    storage.flush = flush
    run_job(write_job(folder, checkpoint, CLASSES), folder)


def test_killed_in_the_final_write_it_writes_the_same_bytes_and_trains_nothing_again(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """As by a requeue whose grace has passed."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run_job(write_job(whole, checkpoint("bert"), CLASSES), whole)
    process = FORK.Process(target=killed_in_the_final_write, args=(cut, checkpoint("bert")))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not outputs_in(cut).predictions.exists()
    logged = run_job(write_job(cut, checkpoint("bert"), CLASSES), cut)
    assert sum("already finished" in line for line in logged) == 2
    assert predictions_of(cut) == predictions_of(whole)


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send ourselves SIGTERM after some steps."""

    def stopping(runs: list[Run]) -> Any:
        for number, turn in enumerate(train(runs), 1):
            if number == steps:
                os.kill(os.getpid(), signal.SIGTERM)
            yield turn

    monkeypatch.setattr(resumable_module, "train", stopping)


def interrupted_job(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[Path]]:
    """A job with checkpoints after steps 3 and 4; returns it and their weight files."""
    job = write_job(folder, checkpoint, CLASSES, replicates=1, recipe={"steps": 8})
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        patch.setattr(resumable_module, "SAVING_SHARE", math.inf)
        with pytest.raises(PreemptedError, match="saved at step 4"):
            run_job(job, folder, seconds=1e-6)
    files = sorted((folder / "out/.replicates").glob("*.safetensors"))
    assert [path.stem.rpartition("-")[2] for path in files] == ["3", "4"], "the last two"
    return job, files


@pytest.mark.parametrize("tuning", ["head", "layer-norms", "lora"])
def test_interrupted_and_resumed_gives_the_same_bytes(
    tuning: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [
        write_job(tmp_path / name, checkpoint("bert"), CLASSES, recipe={"tuning": tuning})
        for name in ("straight", "stopped")
    ]
    run_job(jobs[0], tmp_path / "straight")
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        with pytest.raises(PreemptedError, match="saved at step 4"):
            run_job(jobs[1], tmp_path / "stopped")
    logged = run_job(jobs[1], tmp_path / "stopped")
    assert any("resumed at step 4" in line for line in logged)
    assert predictions_of(tmp_path / "stopped") == predictions_of(tmp_path / "straight")


@pytest.mark.parametrize(("cost", "saves"), [(0.01, 100), (0.1, 25), (10.0, 1)])
def test_checkpoints_take_a_small_share_of_the_time(
    cost: float, saves: int, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred turns of 0.6 seconds by a pretended clock, checkpoints asked for every half second:
    each postpones the next by twenty times its cost.
    """
    clock, saved = [0.0], [0.0]

    def save(self: ResumableRun) -> None:
        saved.append(cost)
        clock[0] += cost

    def turns(runs: list[Run]) -> Iterator[None]:
        for _ in range(100):
            clock[0] += 0.6
            yield

    monkeypatch.setattr(resumable_module, "train", turns)
    monkeypatch.setattr(ResumableRun, "save", save)
    monkeypatch.setattr(resumable_module, "REPORT_SECONDS", math.inf)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    run = Run(
        model, some_data(), recipe_of(), 0, 0, ReplicateStream("cpu"), "fp32", lambda: lambda: 0.0
    )
    session = Session("cpu", "accuracy", Execution(1, 0.5), lambda: None, lambda message: None)
    session.train([ResumableRun("replicate", run, CheckpointStore(Path(), "0-abc"))], "replicate")
    assert len(saved) - 1 == saves


def spoil_description(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


@pytest.mark.parametrize("damage", [cut_off, flip, Path.unlink, spoil_description])
def test_a_damaged_checkpoint_is_left_out_for_the_one_before_it(
    damage: Callable[[Path], object], checkpoint: Checkpoint, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    job, files = interrupted_job(tmp_path / "cut", checkpoint("bert"), monkeypatch)
    damage(files[-1])
    logged = run_job(job, tmp_path / "cut")
    assert any("the checkpoint at step 4 is damaged" in line and "skipped" in line
               for line in logged)  # fmt: skip
    assert "replicate 1 of 1: resumed at step 3" in logged
    run_job(write_job(tmp_path / "whole", checkpoint("bert"), CLASSES, replicates=1,
                      recipe={"steps": 8}), tmp_path / "whole")  # fmt: skip
    assert predictions_of(tmp_path / "cut") == predictions_of(tmp_path / "whole")


def test_without_a_whole_checkpoint_training_starts_anew(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, files = interrupted_job(tmp_path, checkpoint("bert"), monkeypatch)
    for path in files:
        flip(path)
    logged = run_job(job, tmp_path)
    assert sum("is damaged (its checksum does not match)" in line for line in logged) == 2
    assert not any("resumed" in line for line in logged)


def test_checkpoints_of_an_abandoned_recipe_are_removed(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, files = interrupted_job(tmp_path, checkpoint("bert"), monkeypatch)
    run_job(replace(job, recipe=recipe_of(steps=2)), tmp_path)
    assert not any(path.exists() for path in files)


def test_checkpoints_that_outlived_their_replicate_are_removed(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """As when a process is killed after its results and before its checkpoints are removed."""
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, replicates=1)
    run_job(job, tmp_path)
    store = CheckpointStore(
        tmp_path / "out/.replicates", f"0-{ConditionInputs(job, 'cpu').digest(0)}"
    )
    store.save(some_checkpoint(3))
    assert "replicate 1 of 1: already finished" in run_job(job, tmp_path)
    assert not list((tmp_path / "out/.replicates").glob("*.step-*"))
