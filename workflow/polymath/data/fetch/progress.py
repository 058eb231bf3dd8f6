"""Log the progress of a download."""

import time
from collections.abc import Callable

Log = Callable[[str], None]
INTERVAL_SECONDS = 10.0


class Progress:
    """Logs every few seconds how many bytes have arrived, of `total` if that is known."""

    def __init__(self, log: Log, done: int, total: int | None) -> None:
        self._log, self._done, self._total = log, done, total
        self._logged = time.monotonic()

    def add(self, count: int) -> None:
        """Count more bytes."""
        self._done += count
        if time.monotonic() - self._logged > INTERVAL_SECONDS:
            self._logged = time.monotonic()
            total = f" of {self._total / 1e6:.1f}" if self._total else ""
            self._log(f"{self._done / 1e6:.1f}{total} MB")
