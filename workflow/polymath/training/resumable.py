"""Train runs to their end whatever interrupts them: progress reports, checkpoints, clean stops."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from polymath.training.checkpoints import Checkpoint, CheckpointStore
from polymath.training.devices import claimed_device, configure_torch
from polymath.training.job import Execution
from polymath.training.loop import Run, train
from polymath.training.signals import catch_stop_signals
from polymath.util.errors import PreemptedError
from polymath.util.locks import locked

REPORT_SECONDS = 10.0
# Periodic checkpoints take at most this share of the time, however large the models are.
SAVING_SHARE = 0.05


@dataclass(frozen=True)
class ResumableRun:
    """A run, its name in messages, and where its checkpoints lie."""

    name: str
    run: Run
    checkpoints: CheckpointStore

    def resume(self, log: Callable[[str], None]) -> None:
        """Restore the last intact checkpoint, if there is one."""
        saved = self.checkpoints.load(log)
        if saved:
            self.run.restore(saved.tensors, saved.step, saved.curve, saved.seconds)
            log(f"{self.name}: resumed at step {saved.step}")

    def save(self) -> None:
        """Write a checkpoint, unless the run has ended."""
        if not self.run.ended:
            self.run.check()
        if not self.run.ended:
            self.checkpoints.save(
                Checkpoint(self.run.step, self.run.curve, self.run.seconds, self.run.state())
            )


@dataclass(frozen=True)
class Session:
    """A job's hold on its checkpoints and device, and what watches and interrupts its runs.

    Attributes:
        device: "cuda" or "cpu".
        metric: name of the dev score in progress reports.
        stop_signal: returns the name of a stop signal that was received, or None.
    """

    device: str
    metric: str
    execution: Execution
    stop_signal: Callable[[], str | None]
    log: Callable[[str], None]

    def train(
        self,
        runs: Sequence[ResumableRun],
        label: str,
        waiting: int = 0,
        after_step: Callable[[], None] = lambda: None,
    ) -> None:
        """Train runs side by side to their end.

        Args:
            label: names all of them in progress reports.
            waiting: runs of the same length still to come, for the estimated finish.
            after_step: called after each step of all runs.

        Raises:
            PolymathError: if a checkpoint cannot be written.
            PreemptedError: on a stop signal, once every unfinished run has been saved.
        """
        begun = reported = saved = time.monotonic()
        interval = self.execution.checkpoint_seconds
        first, points = runs[0].run.step, 0
        for _ in train([each.run for each in runs]):
            now, scored = time.monotonic(), sum(len(each.run.curve) for each in runs)
            if scored > points or now - reported > REPORT_SECONDS:
                seconds = (now - begun) / max(1, runs[0].run.step - first)
                self._report([each.run for each in runs], label, seconds, waiting)
                points, reported = scored, now
            signal = self.stop_signal()
            after_step()
            if signal or now - saved > interval:
                started = time.monotonic()
                for each in runs:
                    each.save()
                saved = time.monotonic()
                interval = max(self.execution.checkpoint_seconds, (saved - started) / SAVING_SHARE)
            unfinished = [each.name for each in runs if not each.run.ended]
            if signal and (unfinished or waiting):
                names = ", ".join(unfinished) or "all replicates trained so far"
                raise PreemptedError(
                    f"received {signal}: {names} saved at step {runs[0].run.step}; the next "
                    "attempt resumes from there"
                )

    def _report(self, runs: list[Run], label: str, step_seconds: float, waiting: int) -> None:
        """Log where runs are, one line for all of them."""
        losses = [run.check() for run in runs]
        scores = [run.curve[-1].dev_score for run in runs if run.curve]
        score = f"{sum(scores) / len(scores):.3f}" if scores else "–"
        steps, step = runs[0].steps, runs[0].step
        left = step_seconds * (steps - step + steps * -(-waiting // len(runs)))
        self.log(
            f"{label}  step {step} of {steps}  loss {sum(losses) / len(losses):.3f}  "
            f"dev {self.metric} {score}  estimated finish "
            f"{datetime.now() + timedelta(seconds=left):%H:%M:%S}"
        )


@contextmanager
def open_session(
    folder: Path, metric: str, execution: Execution, log: Callable[[str], None]
) -> Iterator[Session]:
    """Set up torch, lock the folder of checkpoints, claim a device and catch stop signals.

    Another process in the folder may be a job that outlived its Snakemake, or one of a second
    Snakemake.
    """
    configure_torch(execution.threads)
    busy = "another process trains this: waiting for it to finish"
    with (
        locked(folder / ".guard", lambda: log(busy)),
        claimed_device(log, execution.conditions_per_gpu) as device,
        catch_stop_signals() as stop_signal,
    ):
        yield Session(device, metric, execution, stop_signal, log)
