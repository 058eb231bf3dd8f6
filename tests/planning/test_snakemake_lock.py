"""Snakemake's locks, of killed and of living processes, without a workflow."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from snakemake.exceptions import WorkflowError
from snakemake.persistence import PersistenceBase
from snakemake.persistence.file import FilePersistence

from polymath.planning.snakemake_lock import CLEAN, LOCK, WARN, guard_locks

HOLD = """
import sys
from pathlib import Path
from snakemake.persistence.file import FilePersistence
from polymath.planning.snakemake_lock import guard_locks
guard_locks(sys.argv[2])
persistence = FilePersistence(path=Path(sys.argv[1]))
persistence.all_inputfiles = lambda: []
persistence.all_outputfiles = lambda: [sys.argv[2] + "/matrix.md"]
with persistence.lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _original() -> Iterator[None]:
    """Put Snakemake's own methods back after each test."""
    yield
    PersistenceBase.lock, PersistenceBase.lock_warn_only = LOCK, WARN
    PersistenceBase.cleanup_locks = CLEAN


@contextmanager
def another(folder: Path, results: str) -> Iterator[subprocess.Popen[str]]:
    """Another Snakemake that makes these results in the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), results], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def persistence(folder: Path, results: str, **changes: bool) -> FilePersistence:
    guard_locks(results)
    own = FilePersistence(path=folder, **changes)
    own.all_inputfiles = lambda: []
    own.all_outputfiles = lambda: [f"{results}/matrix.md"]
    return own


def test_the_lock_of_a_killed_snakemake_goes(tmp_path: Path) -> None:
    with another(tmp_path, "results"):
        pass
    assert list((tmp_path / "locks").iterdir())
    with persistence(tmp_path, "results").lock():
        assert len(list((tmp_path / "locks").iterdir())) == 1, "its own"
    with persistence(tmp_path, "results").lock():
        pass


def test_a_living_one_keeps_the_second_out_and_its_lock(tmp_path: Path) -> None:
    with another(tmp_path, "results") as living:
        second = persistence(tmp_path, "results")
        with pytest.raises(WorkflowError, match=str(living.pid)), second.lock():
            pass
        with pytest.raises(WorkflowError, match=str(living.pid)):
            second.cleanup_locks()
        with persistence(tmp_path, "results", warn_only=True).lock():
            pass  # a dry run
        with persistence(tmp_path, "results", nolock=True).lock():
            pass  # a job's own Snakemake
        assert list((tmp_path / "locks").iterdir())


@pytest.mark.parametrize("spelled", ["./results", "results/", "{cwd}/results"])
def test_results_are_the_same_however_their_path_is_spelled(
    spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with another(tmp_path, "results") as living:
        second = persistence(tmp_path, spelled.format(cwd=tmp_path))
        with pytest.raises(WorkflowError, match=str(living.pid)), second.lock():
            pass


def test_other_results_are_made_beside_and_their_lock_is_left(tmp_path: Path) -> None:
    with another(tmp_path, "results"), persistence(tmp_path, "more").lock():
        assert len(list((tmp_path / "locks").iterdir())) == 2


def test_unlocking_by_hand_works_when_nobody_is_there(tmp_path: Path) -> None:
    with another(tmp_path, "results"):
        pass
    persistence(tmp_path, "results").cleanup_locks()
    assert not (tmp_path / "locks").exists()
