"""One GPU a job, with pretend devices: the locks need none."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import torch

from polymath.training.devices import (
    claimed_device,
    configure_torch,
    device_name,
    free_memory,
    resolve_precision,
)

# A stand-in for torch: jobs start in no time, and no GPU is needed to look taken.
TORCH = """
import sys, types
sys.modules["torch"] = torch = types.ModuleType("torch")
torch.cuda = types.SimpleNamespace(is_available=lambda: True, device_count=lambda: 4)
torch.version = types.SimpleNamespace(cuda=None)
"""
JOB = """
import os, sys
from polymath.training import devices
devices.WAIT_SECONDS = 0.05
def say(message):
    if "waiting" in message:
        print(message, flush=True)
with devices.claimed_device(say, int(os.environ.get("SHARING", 1))) as device:
    print(device, os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.readline()
"""
PATIENCE = 30.0  # seconds; a job that hangs is killed, and its next line is empty


class Jobs:
    """Processes that hold a device until they are stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self.watchdogs: list[threading.Timer] = []

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """Start a job with these environment variables."""
        hidden = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        process = subprocess.Popen(
            [sys.executable, "-c", TORCH + JOB],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, "TMPDIR": str(self.folder), **variables},
        )
        self.running.append(process)
        self.watchdogs.append(threading.Timer(PATIENCE, process.kill))
        self.watchdogs[-1].start()
        return process

    def end(self) -> None:
        """End all that still run."""
        for watchdog in self.watchdogs:
            watchdog.cancel()
        for process in self.running:
            process.kill()
            process.communicate()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    """Start jobs whose locks are this test's own."""
    started = Jobs(tmp_path)
    yield started
    started.end()


def stream(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a job prints."""
    return stream(process.stdout).readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    """Have a job leave its block."""
    process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0


FOUR = {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}


def test_four_jobs_at_once_hold_four_devices(jobs: Jobs) -> None:
    held = sorted(line_of(process) for process in [jobs.start(**FOUR) for _ in range(4)])
    assert held == ["cuda 0", "cuda 1", "cuda 2", "cuda 3"]


def test_all_devices_are_candidates_where_none_is_named(jobs: Jobs) -> None:
    held = sorted(line_of(process) for process in [jobs.start() for _ in range(4)])
    assert held == ["cuda 0", "cuda 1", "cuda 2", "cuda 3"]


def test_where_the_driver_shows_devices_cuda_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask() -> int:
        raise AssertionError("CUDA no longer reads CUDA_VISIBLE_DEVICES after this")

    for variable in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.setenv(variable, "as it was afterwards")
        monkeypatch.delenv(variable)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr("torch.cuda.device_count", ask)
    monkeypatch.setattr("polymath.training.devices.count_gpus", lambda: 2)
    with claimed_device(lambda message: None):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_fifth_job_waits_and_takes_the_device_of_one_that_was_killed(jobs: Jobs) -> None:
    four = {line_of(process): process for process in [jobs.start(**FOUR) for _ in range(4)]}
    fifth = jobs.start(**FOUR)
    assert "0, 1, 2, 3 are taken" in line_of(fifth)
    four["cuda 2"].send_signal(signal.SIGKILL)
    assert line_of(fifth) == "cuda 2"


def test_a_device_is_free_again_when_its_job_ends(jobs: Jobs) -> None:
    first = jobs.start(CUDA_VISIBLE_DEVICES="1, GPU-abc/0")
    assert line_of(first) == "cuda 1"
    second = jobs.start(CUDA_VISIBLE_DEVICES="1, GPU-abc/0")
    assert line_of(second) == "cuda GPU-abc/0"
    let_go(first)
    assert line_of(jobs.start(CUDA_VISIBLE_DEVICES="1, GPU-abc/0")) == "cuda 1"


def test_conditions_share_devices_when_told_to_and_spread_over_them_first(jobs: Jobs) -> None:
    pair = {"CUDA_VISIBLE_DEVICES": "0,1", "SHARING": "2"}
    held = []
    for _ in range(4):
        process = jobs.start(**pair)
        held.append(line_of(process))
    assert sorted(held[:2]) == ["cuda 0", "cuda 1"], "an empty one first"
    assert sorted(held) == ["cuda 0", "cuda 0", "cuda 1", "cuda 1"]
    fifth = jobs.start(**pair)
    assert "0, 1 are taken" in line_of(fifth)
    let_go(jobs.running[1])
    assert line_of(fifth) == held[1]


@pytest.mark.parametrize(
    ("free", "sharing", "given"), [(70, 1, 70), (70, 2, 40), (30, 2, 30), (80, 4, 20)]
)
def test_a_job_plans_with_its_share_of_a_gpus_memory(
    free: int, sharing: int, given: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (free, 80))
    assert free_memory("cuda", sharing) == given
    assert free_memory("cpu", sharing) is None


def test_the_one_gpu_that_the_scheduler_gave_is_not_locked(jobs: Jobs) -> None:
    """Two SLURM jobs may each have a GPU that they call 0."""
    pair = [jobs.start(SLURM_JOB_ID=job, CUDA_VISIBLE_DEVICES="0") for job in ("7", "8")]
    assert [line_of(process) for process in pair] == ["cuda 0", "cuda 0"]
    assert list(jobs.folder.iterdir()) == []


def test_jobs_inside_an_allocation_of_several_gpus_take_one_each(jobs: Jobs) -> None:
    pair = [jobs.start(SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="2,3") for _ in range(2)]
    assert sorted(line_of(process) for process in pair) == ["cuda 2", "cuda 3"]
    other = jobs.start(SLURM_JOB_ID="8", CUDA_VISIBLE_DEVICES="2,3")
    assert line_of(other) == "cuda 2", "another allocation's GPU 2 is another GPU"


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_no_visible_device_means_the_cpu(
    hidden: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # cached, where there is a GPU
    said: list[str] = []
    with claimed_device(said.append) as device:
        assert device == "cpu"
    assert said == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == hidden
    assert device_name(device) == "cpu"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stated_precision_is_used_as_it_is(precision: str, device: str) -> None:
    assert resolve_precision(precision, device) == precision


@pytest.mark.parametrize(("able", "expected"), [(True, "bf16"), (False, "fp32")])
def test_automatic_precision_is_what_the_hardware_does_well(
    able: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: able)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: able)
    assert resolve_precision("auto", "cuda") == expected
    assert resolve_precision("auto", "cpu") == expected


def test_attention_never_goes_to_cudnn_and_streams_have_their_own_queues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_DEVICE_MAX_CONNECTIONS", raising=False)
    configure_torch(1)
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] == "32"
    monkeypatch.setenv("CUDA_DEVICE_MAX_CONNECTIONS", "4")
    configure_torch(1)
    assert os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] == "4", "the user's choice is kept"
