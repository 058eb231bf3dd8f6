"""Stop signals: preemption, a time limit, Ctrl-C, a closed terminal."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# SLURM sends SIGTERM when it preempts or cancels, and what `--signal` names before a time limit.
STOP = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)


@contextmanager
def catch_stop_signals() -> Iterator[Callable[[], str | None]]:
    """Yield a function that returns the name of the first stop signal received, or None.

    In the block the signals do not end the process: the training loop asks between two steps,
    saves and stops. A signal that was ignored before stays ignored, as SIGINT is in a script's
    background job and SIGHUP under nohup.
    """
    names: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        names.append(signal.Signals(number).name)

    heeded = [number for number in STOP if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: names[0] if names else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
