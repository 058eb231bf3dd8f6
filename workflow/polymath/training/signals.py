"""Being told to leave: preemption, a time limit, Ctrl-C, a lost terminal."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# SLURM sends SIGTERM when it preempts or cancels, and what `--signal` names before a time limit.
LEAVE = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)


@contextmanager
def noticed_signals() -> Iterator[Callable[[], str | None]]:
    """Yield a function that returns the name of the first signal to leave, or None.

    The signals end nothing by themselves while the block lasts: whoever trains asks between
    two steps, saves and leaves. A signal that was ignored before, as SIGINT is in a script's
    background job, or SIGHUP under nohup, stays so.
    """
    names: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        names.append(signal.Signals(number).name)

    heeded = [number for number in LEAVE if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: names[0] if names else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
