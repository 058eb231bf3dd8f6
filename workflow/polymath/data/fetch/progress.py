"""How far a download is, for who watches."""

import time
from collections.abc import Callable

INTERVAL_SECONDS = 10.0


class Progress:
    """Says every few seconds how many bytes have come."""

    def __init__(self, log: Callable[[str], None], done: int, total: int | None) -> None:
        self._say, self._done, self._total = log, done, total
        self._told = time.monotonic()

    def add(self, count: int) -> None:
        """Count more bytes."""
        self._done += count
        if time.monotonic() - self._told > INTERVAL_SECONDS:
            self._told = time.monotonic()
            whole = f" of {self._total / 1e6:.1f}" if self._total else ""
            self._say(f"{self._done / 1e6:.1f}{whole} MB")
