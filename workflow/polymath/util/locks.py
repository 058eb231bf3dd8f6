"""Locks between processes, on files: the kernel frees them when a holder ends, however it does."""

import errno
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

# Some shared file systems are mounted without locks; there, nobody can be kept out.
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


def try_lock(path: Path) -> TextIO | None:
    """Return an open file that holds the lock until it is closed; None if another one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return handle


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock while the block lasts; call `waiting` if another process has it now."""
    handle = try_lock(path)
    if handle is None:
        waiting()
        handle = path.open("w")
        fcntl.flock(handle, fcntl.LOCK_EX)
    with handle:
        yield
