"""A store of checkpoints keeps the last two whole, on a full disk too."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from polymath.training import checkpoints as checkpoints_module
from polymath.training.checkpoints import CheckpointStore
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json
from support import ROOT
from support.checkpoints import some_checkpoint


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
from support.checkpoints import some_checkpoint
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
    script = FULL_DISK.format(tests=str(ROOT / "tests"), folder=str(tmp_path), log=log)
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
