"""Locks between processes, by filelock: the kernel frees them however their holder ends."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# Some shared file systems are mounted without locks; there, nobody can be kept out.
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


def try_lock(path: Path, blocking: bool = False) -> FileLock | None:
    """Return a lock that is held until its `release()`.

    If another process holds it, return None, or wait for that process if `blocking`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # filelock's soft locks, its answer to a file system without locks, outlive a killed holder.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=blocking)
    except Timeout:
        return None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return lock


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock while the block lasts; call `waiting` first if another process holds it."""
    lock = try_lock(path)
    if lock is None:
        waiting()
        lock = try_lock(path, blocking=True)
        assert lock is not None
    try:
        yield
    finally:
        lock.release()
