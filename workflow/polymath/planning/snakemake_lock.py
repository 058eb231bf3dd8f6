"""Snakemake's lock on its folder: that of a killed Snakemake goes, that of a living one stays.

Snakemake's locks are files, which outlive a killed process. Beside them each Snakemake holds a lock
of the kernel's, which does not: one per results folder, as two experiments may run in one folder.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.persistence import PersistenceBase

from polymath.util.locks import locked, try_lock
from polymath.util.storage import digest_of

GUARDS, GATE = "polymath-guards", "gate"  # a folder in .snakemake, and a file in it
LOCK, WARN = PersistenceBase.lock, PersistenceBase.lock_warn_only
CLEAN = PersistenceBase.cleanup_locks


def guard_locks(results: str) -> None:
    """Change how Snakemake locks its folder in this process.

    The Snakemakes of jobs, reports and lists lock nothing, and are not concerned. On a file system
    without locks all stays as it is.

    Args:
        results: folder that this Snakemake makes.
    """

    @contextmanager
    def lock(self: PersistenceBase) -> Iterator[None]:
        with ExitStack() as held:
            with locked(self.path / GUARDS / GATE):
                held.callback(_hold_guard(self.path, results).release)
                held.enter_context(LOCK(self))
            yield

    @contextmanager
    def lock_warn_only(self: PersistenceBase) -> Iterator[None]:
        with locked(self.path / GUARDS / GATE):
            living = _living(self.path)
        with WARN(self) if living else nullcontext():
            yield

    def cleanup_locks(self: PersistenceBase) -> None:
        with locked(self.path / GUARDS / GATE):
            if living := _living(self.path):
                raise WorkflowError(
                    f"not unlocked: {living[0]} works in this folder: wait for it, or stop it"
                )
            CLEAN(self)

    PersistenceBase.lock = lock
    PersistenceBase.lock_warn_only = lock_warn_only
    PersistenceBase.cleanup_locks = cleanup_locks


def _hold_guard(folder: Path, results: str) -> FileLock:
    """Return the held lock of these results, after removing locks whose Snakemakes are gone.

    Raises:
        WorkflowError: if a living Snakemake makes the same results.
    """
    # However its path is spelled, a folder of results has one guard.
    path = folder / GUARDS / digest_of(os.path.realpath(results))
    others = _living(folder)
    guard = try_lock(path)
    if guard is None:
        raise WorkflowError(
            f"Directory cannot be locked: {path.read_text()} makes {results} in this folder: wait "
            "for it, or stop it"
        )
    if guard.is_locked:
        path.write_text(f"the Snakemake of process {os.getpid()} on {platform.node()}")
        if not others:
            for stale in (folder / "locks").glob("*.lock"):
                logger.info(f"removing {stale.name}: its Snakemake was killed")
                stale.unlink()
    return guard


def _living(folder: Path) -> list[str]:
    """Return the Snakemakes that hold a guard in this folder; ask while holding the gate."""
    living = []
    for path in sorted((folder / GUARDS).glob("*")):
        if path.name != GATE:
            guard = try_lock(path)
            if guard is None:
                living.append(path.read_text())
            else:
                guard.release()
    return living
