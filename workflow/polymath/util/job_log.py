"""Send progress and errors to the terminal and to the job's log file."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polymath.util.errors import DamagedError, PolymathError, PreemptedError
from polymath.util.remedies import remedy_for
from polymath.util.storage import set_aside

LOGGER = logging.getLogger("polymath")
FINAL = "not tried again in this run"  # the last line of the log of a user's mistake


@contextmanager
def job_log(log_file: str, title: str) -> Iterator[None]:
    """Send messages to the terminal and to `log_file` while one workflow job runs.

    A user's mistake or a lack of space, memory or permission ends the job with its message only;
    any other error also logs its traceback. Either way the process exits with status 1. A job that
    received a stop signal exits with EX_TEMPFAIL: it failed, and will succeed if it is run again.
    """
    handlers: list[logging.Handler] = []

    def add(handler: logging.Handler) -> None:
        handler.setFormatter(logging.Formatter(f"%(asctime)s [{title}] %(message)s", "%H:%M:%S"))
        LOGGER.addHandler(handler)
        handlers.append(handler)

    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    add(logging.StreamHandler(sys.stderr))
    try:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        add(logging.FileHandler(log_file, "w", "utf-8"))
        yield
    except PolymathError as error:
        LOGGER.error("ERROR: %s", set_aside(error) if isinstance(error, DamagedError) else error)
        LOGGER.error(FINAL)
        raise SystemExit(1) from None
    except PreemptedError as reason:
        LOGGER.warning("%s", reason)
        raise SystemExit(os.EX_TEMPFAIL) from None
    except Exception as error:
        if remedy := remedy_for(error):
            LOGGER.error("ERROR: %s: %s", str(error) or type(error).__name__, remedy)
        else:
            LOGGER.exception("ERROR: unexpected; please report it with this log")
        raise SystemExit(1) from None
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


def is_final(log_file: Path, began: float) -> bool:
    """Whether a job's log ends with an error that would be the same if the job were tried again;
    one from before `began`, in seconds since the epoch, does not count.
    """
    try:
        if log_file.stat().st_mtime < began:
            return False
        text = log_file.read_text("utf-8", "replace")
    except OSError:
        return False
    return text.rstrip().endswith(f"] {FINAL}")


def log(message: str) -> None:
    """Log a line of progress."""
    LOGGER.info(message)
