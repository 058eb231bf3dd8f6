"""Changes to the process of Snakemake itself, made while it reads the rules."""

import gc
import os
import signal
import sys
from importlib.metadata import version
from types import FrameType

from polymath.planning.slurm_executor_patch import keep_unanswered_jobs

GARBAGE_THRESHOLDS = (200_000, 20, 100)
SLURM = "snakemake_executor_plugin_slurm"
PATCHED_VERSION = "2.8.0"  # of SLURM's executor; a later one is left as it is


def prepare_process() -> None:
    """Let Snakemake plan large experiments fast, survive a lost terminal and await SLURM."""
    collect_garbage_rarely()
    interrupt_on_hangup()
    # Snakemake loads its executors before it reads the rules.
    if SLURM in sys.modules and version(SLURM.replace("_", "-")) == PATCHED_VERSION:
        keep_unanswered_jobs(sys.modules[SLURM].Executor)


def collect_garbage_rarely() -> None:
    """Collect garbage less often than Python's default.

    A plan is millions of objects that live to its end; looking for garbage among them takes time
    and finds none.
    """
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def interrupt_on_hangup() -> None:
    """Treat a lost terminal as Ctrl-C: jobs save their progress and no lock is left behind.

    A process that ignores hang-ups, as under nohup, goes on ignoring them.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.killpg(0, signal.SIGINT)

    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, interrupt)
