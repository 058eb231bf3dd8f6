"""Send progress and errors to the terminal and to the job's log file."""

import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polymath.util.errors import DamagedError, PolymathError, PreemptedError
from polymath.util.storage import set_aside

LOGGER = logging.getLogger("polymath")

SPACE = "free some space and run the same command again"
WRITABLE = "make it writable, or choose another folder, and run the same command again"
REMEDIES = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: SPACE,
    errno.EACCES: WRITABLE,
    errno.EPERM: WRITABLE,
    errno.EROFS: WRITABLE,
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run the same command again",
    errno.EMFILE: "raise the limit on open files (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
}
MEMORY = "too little memory: give the job more, or lower batch_size or raise accumulation"


@contextmanager
def job_log(log_file: str, title: str) -> Iterator[None]:
    """Send messages to the terminal and to `log_file` while one workflow job runs.

    A user's mistake or a lack of space, memory or permission ends the job with its message only;
    any other error also logs its traceback. Either way the process exits with status 1. A job that
    received a stop signal exits with EX_TEMPFAIL: it failed, and will succeed if it is run again.
    """
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stderr),
        logging.FileHandler(log_file, "w", "utf-8"),
    ]
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"%(asctime)s [{title}] %(message)s", "%H:%M:%S"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    try:
        yield
    except DamagedError as error:
        LOGGER.error("ERROR: %s", set_aside(error))
        raise SystemExit(1) from None
    except PolymathError as error:
        LOGGER.error("ERROR: %s", error)
        raise SystemExit(1) from None
    except PreemptedError as reason:
        LOGGER.warning("%s", reason)
        raise SystemExit(os.EX_TEMPFAIL) from None
    except Exception as error:
        if remedy := _remedy(error):
            LOGGER.error("ERROR: %s: %s", error or type(error).__name__, remedy)
        else:
            LOGGER.exception("ERROR: unexpected; please report it with this log")
        raise SystemExit(1) from None
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


def _remedy(error: Exception) -> str | None:
    """Return what to do about an error of the machine; None if nothing is known."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        return REMEDIES.get(error.errno)
    # torch's allocators raise a RuntimeError.
    words = r"can't allocate memory|out of memory"
    if isinstance(error, MemoryError) or re.search(words, str(error)):
        return MEMORY
    return None


def log(message: str) -> None:
    """Log a line of progress."""
    LOGGER.info(message)
