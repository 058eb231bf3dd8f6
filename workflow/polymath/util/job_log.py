"""Send progress and errors to the terminal and to the job's log file."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polymath.util.errors import DamagedError, PolymathError, PreemptedError
from polymath.util.storage import set_aside

LOGGER = logging.getLogger("polymath")


@contextmanager
def job_log(log_file: str, title: str) -> Iterator[None]:
    """Send messages to the terminal and to `log_file` while one workflow job runs.

    A user's mistake or a full disk ends the job with its message only; any other error also
    logs its traceback. Either way the process exits with status 1. A job that received a stop
    signal exits with EX_TEMPFAIL: it failed, and will succeed if it is run again.
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
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            LOGGER.error("ERROR: %s: free some space and run the same command again", error)
        else:
            LOGGER.exception("ERROR: unexpected; please report it with this log")
        raise SystemExit(1) from None
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


def log(message: str) -> None:
    """Log a line of progress."""
    LOGGER.info(message)
