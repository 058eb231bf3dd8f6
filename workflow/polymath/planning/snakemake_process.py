"""Changes to the process of Snakemake itself, made while it reads the rules."""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache, wraps
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import snakemake.api  # before its parts, which import each other in a circle
import snakemake.common
import snakemake.dag
import snakemake.jobs
import snakemake.rules

from polymath.planning.slurm_executor_patch import keep_refusals, keep_unanswered_jobs
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.job_log import is_final
from polymath.util.storage import digest_of, read_json, write_json

GARBAGE_THRESHOLDS = (200_000, 20, 100)
DEFAULT_LIMIT = (100, 1)  # jobs, and seconds in which they may start
SLURM = "snakemake_executor_plugin_slurm"
PATCHED_VERSION = "2.8.0"  # of SLURM's executor; a later one is left as it is


def prepare_process() -> None:
    """Let Snakemake plan large experiments fast, survive a lost terminal, not repeat mistakes and
    await SLURM."""
    # A plan is millions of objects that live to its end: by Python's default, looking for garbage
    # among them takes time and finds none.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    check_scripts_once()
    read_signatures_once()
    interrupt_on_hangup()
    try_mistakes_once(time.time())
    # Snakemake loads its executors before it reads the rules.
    if SLURM in sys.modules and version(SLURM.replace("_", "-")) == PATCHED_VERSION:
        executor = sys.modules[SLURM]
        keep_unanswered_jobs(executor.Executor)
        keep_refusals(executor.Executor, executor.get_job_wildcards)


def make_again(files: Iterable[Path]) -> None:
    """Let Snakemake make these files again, where its targets need them.

    Its option `--forcerun` would make targets of them. A dry run shows them as forced.
    """
    forced, init = {str(file) for file in files}, snakemake.dag.DAG.__init__

    @wraps(init)
    def init_and_force(dag: Any, *arguments: Any, **named: Any) -> None:
        init(dag, *arguments, **named)
        dag.forcefiles.update(forced)

    snakemake.dag.DAG.__init__ = init_and_force


def choose_jobs_when_one_ends(workflow: Any) -> None:
    """Let Snakemake look at the waiting jobs when one ends, not every second as well.

    By default it starts at most 100 jobs a second. With such a limit every look is followed by one
    more a second later, for ever: after hundreds of jobs it does nothing else, and keeps a
    processor busy. A limit of the user's own stays.

    Args:
        workflow: whose scheduler exists already, as when a run starts.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == DEFAULT_LIMIT:
        workflow.scheduler.job_rate_limiter = None


def undo_future_dates(folder: Path, began: float) -> None:
    """Give files that a clock dated in the future the date of the run's start.

    Snakemake refuses a result that is older than what it is made from.
    """
    now = time.time()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):  # gone already, or not to be written
                if path.lstat().st_mtime > now:
                    os.utime(path, (began, began), follow_symlinks=False)


def try_mistakes_once(began: float) -> None:
    """Let Snakemake retry a job only where its log does not say that it would fail again.

    Args:
        began: seconds since the epoch; logs that are older say nothing of this run.
    """

    def limited(kind: Any, members: Callable[[Any], Iterable[Any]]) -> None:
        allowed = kind.restart_times.fget

        def restart_times(job: Any) -> int:
            logs = (Path(file) for member in members(job) for file in member.log)
            return 0 if any(is_final(file, began) for file in logs) else int(allowed(job))

        kind.restart_times = property(restart_times)

    limited(snakemake.jobs.Job, lambda job: [job])
    limited(snakemake.jobs.GroupJob, lambda group: group.jobs)


def freeze_config(workflow: Any, experiment: Mapping[str, Any], folder: Path) -> None:
    """Let the jobs that Snakemake submits read the experiment as it is now.

    They would read the configuration files when they start, perhaps days after their submission.

    Args:
        experiment: the whole configuration, catalogue entries included.
        folder: where it is kept, under a name by its content.
    """
    path = folder / f"{digest_of(experiment)}.json"
    if not _is_frozen_in(path):
        write_json(experiment, path)
    settings = workflow.config_settings
    settings.configfiles, settings.config_args = [path.absolute()], []


def use_frozen_config(workflow: Any, config: dict[str, Any], folder: str) -> None:
    """Replace the configuration of a submitted job by the one that was frozen, if there is one.

    Snakemake merges it into the workflow's own, also where that was to be replaced.

    Args:
        folder: the name of the folder of frozen configurations.

    Raises:
        DamagedError: if it is not as it was frozen.
    """
    files = [*map(Path, workflow.config_settings.configfiles)]
    if len(files) == 1 and files[0].parent.name == folder:
        if not _is_frozen_in(files[0]):
            raise DamagedError(files[0], "its content is not what its name says")
        config.clear()
        config.update(read_json(files[0]))


def _is_frozen_in(path: Path) -> bool:
    """Whether a file holds the configuration that it is named by."""
    try:
        return digest_of(read_json(path)) == path.stem
    except PolymathError:
        return False


def check_scripts_once() -> None:
    """Look whether a script exists once for each rule; Snakemake opens it for each job."""
    checked: set[tuple[str, str]] = set()
    check = snakemake.dag.ScriptProcessor.process_job

    @wraps(check)
    def check_once(processor: Any, job: Any) -> None:
        script = str(getattr(job.rule, processor.script_type))
        rule = (job.rule.name, script)
        if "{" in script or rule not in checked:  # a path may depend on wildcards
            check(processor, job)
            checked.add(rule)

    snakemake.dag.ScriptProcessor.process_job = check_once


def read_signatures_once() -> None:
    """Read the parameters of each function of the rules once; Snakemake reads them for each job."""
    read = lru_cache(maxsize=1_000)(snakemake.common.get_function_params)
    for module in (snakemake.common, snakemake.rules):
        module.get_function_params = read


def interrupt_on_hangup() -> None:
    """Treat a lost terminal as Ctrl-C: jobs save their progress and no lock is left behind.

    A process that ignores hang-ups, as under nohup, goes on ignoring them.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.killpg(0, signal.SIGINT)

    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, interrupt)
