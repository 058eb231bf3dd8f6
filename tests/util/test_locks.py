"""Locks between processes."""

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from polymath.util.locks import locked, try_lock

HOLD = """
import sys
from pathlib import Path
from polymath.util.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until it is stopped."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_process_at_a_time_and_a_killed_one_keeps_nobody_out(tmp_path: Path) -> None:
    process = holder(tmp_path / "deep/guard")
    assert try_lock(tmp_path / "deep/guard") is None
    waits: list[str] = []

    def waiting() -> None:
        waits.append("waiting")
        process.kill()

    with locked(tmp_path / "deep/guard", waiting):
        assert waits == ["waiting"]
    process.communicate()


def test_a_free_lock_is_taken_without_a_word(tmp_path: Path) -> None:
    process = holder(tmp_path / "guard")
    process.communicate("\n")
    with locked(tmp_path / "guard", lambda: pytest.fail("nobody has it")):
        assert try_lock(tmp_path / "guard") is None
    again = try_lock(tmp_path / "guard")
    assert again is not None
    again.release()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_stops_nobody(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", fail)
    with locked(tmp_path / "guard"):
        pass


def test_any_other_error_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="broken"):
        try_lock(tmp_path / "guard")


def test_a_lock_neither_empties_a_file_nor_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("three years of work")
    (tmp_path / "guard").symlink_to(tmp_path / "thesis")
    with pytest.raises(OSError, match="guard"):
        try_lock(tmp_path / "guard")
    lock = try_lock(tmp_path / "thesis")
    assert lock is not None
    lock.release()
    assert (tmp_path / "thesis").read_text() == "three years of work"
