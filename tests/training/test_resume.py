"""Interrupted jobs: killed, stopped by a signal, with damaged checkpoints or a full disk."""

import errno
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
import torch
from safetensors.torch import save_file

from polymath.models.build import build_classifier
from polymath.training import checkpoints as checkpoints_module
from polymath.training import resumable as resumable_module
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.checkpoints import Checkpoint, CheckpointStore
from polymath.training.job import Execution
from polymath.training.loop import CurvePoint, Run, train
from polymath.training.replicate import ConditionInputs
from polymath.training.resumable import ResumableRun, Session
from polymath.training.signals import catch_stop_signals
from polymath.util import storage
from polymath.util.errors import PolymathError, PreemptedError
from polymath.util.storage import read_json, write_json
from support import ROOT
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
from support.workspace import heed_signals

SourceOf = Callable[[str], Path]
FORK = multiprocessing.get_context("fork")


def start(folder: Path, source: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "tests/support/jobs.py"), str(folder), str(source),
               str(seconds)]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals)


@pytest.fixture(scope="module")
def undisturbed(checkpoint: SourceOf, tmp_path_factory: pytest.TempPathFactory) -> bytes:
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
    checkpoint: SourceOf, tmp_path: Path, undisturbed: bytes
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
    checkpoint: SourceOf, tmp_path: Path, undisturbed: bytes
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
    checkpoint: SourceOf, tmp_path: Path
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
    tuning: str, checkpoint: SourceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    cost: float, saves: int, checkpoint: SourceOf, monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_each_stop_signal_is_noticed_by_name(number: signal.Signals) -> None:
    previous = signal.signal(number, signal.SIG_DFL)  # a shell's background job ignores SIGINT
    try:
        with catch_stop_signals() as stop_signal:
            assert stop_signal() is None
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            assert stop_signal() == number.name
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, previous)


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with catch_stop_signals() as stop_signal:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert stop_signal() is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop_signal() == "SIGTERM"
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(bytes(data))


def spoil_description(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


@pytest.mark.parametrize("damage", [cut_off, alter, Path.unlink, spoil_description])
def test_a_damaged_checkpoint_is_left_out_for_the_one_before_it(
    damage: Callable[[Path], object], checkpoint: SourceOf, tmp_path: Path,
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
    checkpoint: SourceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, files = interrupted_job(tmp_path, checkpoint("bert"), monkeypatch)
    for path in files:
        alter(path)
    logged = run_job(job, tmp_path)
    assert sum("is damaged (its checksum does not match)" in line for line in logged) == 2
    assert not any("resumed" in line for line in logged)


def test_checkpoints_of_an_abandoned_recipe_are_removed(
    checkpoint: SourceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, files = interrupted_job(tmp_path, checkpoint("bert"), monkeypatch)
    run_job(replace(job, recipe=recipe_of(steps=2)), tmp_path)
    assert not any(path.exists() for path in files)


def test_checkpoints_that_outlived_their_replicate_are_removed(
    checkpoint: SourceOf, tmp_path: Path
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


def some_checkpoint(step: int, size: int = 10) -> Checkpoint:
    return Checkpoint(step, [CurvePoint(0, 0, 1.0, 0.5, 0.0)], 1.5, {"model.a": torch.ones(size)})


def test_a_checkpoint_holds_what_was_saved_and_only_the_last_two_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "0-abc")
    for step in (9, 10, 11):
        store.save(some_checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"0-abc.step-{step}.{suffix}" for step in (10, 11) for suffix in ("json", "safetensors")
    ]
    loaded = store.load(lambda message: None)
    assert loaded is not None
    assert loaded.step == 11, "not 9, which sorts last as text"
    assert loaded.curve == some_checkpoint(11).curve
    assert torch.equal(loaded.tensors["model.a"], torch.ones(10))


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "0-abc")
    (tmp_path / ".0-abc.step-7.xyz.safetensors").write_bytes(b"half")
    assert store.load(lambda message: None) is None
    assert list(tmp_path.iterdir()) == []


def test_a_description_without_its_weights_is_no_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "0-abc")
    store.save(some_checkpoint(3))
    save_file({"model.a": torch.zeros(10)}, tmp_path / "0-abc.step-3.safetensors")
    logged: list[str] = []
    assert store.load(logged.append) is None
    assert "damaged (its checksum does not match)" in logged[0]
    value = read_json(tmp_path / "0-abc.step-3.json")
    write_json({**value, "curve": [{"wrong": 1}]}, tmp_path / "0-abc.step-3.json")
    assert store.load(logged.append) is None


FULL_DISK = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_resume import some_checkpoint
from polymath.util.errors import PolymathError
from polymath.training.checkpoints import CheckpointStore

store = CheckpointStore(Path({folder!r}), "0-abc")
store.save(some_checkpoint(1, 100_000))
store.save(some_checkpoint(2, 100_000))
try:
    store.save(some_checkpoint(3, 100_000))
except PolymathError as error:
    print(error)
print("files", *sorted(path.name for path in Path({folder!r}).iterdir()))
print("step", store.load(print).step)

from polymath.util.storage import write_json
from polymath.util.job_log import job_log
with job_log({log!r}, "any stage"):
    write_json(["x" * 1_000_000], Path({folder!r}) / "result.json")
"""


def test_a_full_disk_ends_with_a_clear_error_and_the_last_checkpoint_intact(
    tmp_path: Path,
) -> None:
    """On a file system of one mebibyte, mounted in a name space of the test's own."""
    log = str(tmp_path.with_suffix(".log"))
    script = FULL_DISK.format(tests=str(ROOT / "tests/training"), folder=str(tmp_path), log=log)
    mount = f"mount -t tmpfs -o size=1m tmpfs '{tmp_path}' && exec '{sys.executable}' -c \"$0\""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, script],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    message, files, step = result.stdout.strip().splitlines()
    assert "cannot write a checkpoint" in message
    assert os.strerror(errno.ENOSPC) in message
    assert "the checkpoint at step 2 is intact: free disk space" in message
    assert "step-3" not in files
    assert step == "step 2"
    assert f"{os.strerror(errno.ENOSPC)}: free some space and run the same command" in result.stderr
    assert "Traceback" not in result.stderr


def test_weights_without_a_description_are_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(tmp_path, "0-abc")
    store.save(some_checkpoint(1))

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints_module, "write_json", fail)
    with pytest.raises(PolymathError, match="the checkpoint at step 1 is intact"):
        store.save(some_checkpoint(2))
    assert not list(tmp_path.glob("*step-2*"))


def test_a_checkpoint_that_cannot_be_written_says_when_there_is_none_before(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        PolymathError, match=r"cannot write .*there is no earlier one: free disk space"
    ):
        CheckpointStore(tmp_path / "file", "0-abc").save(some_checkpoint(1))
