"""Which conditions are not done, and the last lines of the logs that say why."""

from collections.abc import Iterator
from pathlib import Path

from polymath.experiment.conditions import Condition
from polymath.planning.plan import Plan

LAST_LINES = 4
ERROR = "] ERROR: "  # as `logs.job` writes it
SCHEDULER = "slurm"  # the folder of SLURM's own logs, as its profile says
SCHEDULER_ERROR = "error: "


def describe_failures(plan: Plan) -> Iterator[str]:
    """Yield a line for each condition that is not done, with its log and how that ends; then
    the other stages that failed. Nothing is yielded if all is done."""
    logs = plan.results / "logs"
    if not plan.waiting:
        return
    yield f"{len(plan.waiting)} of {len(plan.conditions)} conditions are not done:"
    shown = set()
    for condition in plan.waiting:
        log = logs / ("baseline" if condition.is_baseline else "finetune") / condition.log
        yield f"\n{condition.title}" + ("" if log.is_file() else ": not begun")
        if log.is_file():
            shown.add(log)
            yield from _describe_end(log)
        for path in _scheduler_logs(logs, condition):
            yield from _describe_end(path, SCHEDULER_ERROR)
    failed = [log for log in _failed_stages(logs) if log not in shown]
    if failed:
        yield "\nstages that failed before them:"
        for log in failed:
            yield from _describe_end(log)


def _failed_stages(logs: Path) -> Iterator[Path]:
    """Yield the logs of jobs that ended with an error; a log is that of a job's last attempt."""
    for path in sorted(logs.glob("[!.]*/**/*.log")):
        if SCHEDULER not in path.relative_to(logs).parts and ERROR in path.read_text("utf-8"):
            yield path


def _scheduler_logs(logs: Path, condition: Condition) -> list[Path]:
    """Return SLURM's log of the last attempt that it saw fail, if it says why."""
    name = "_".join(condition.columns.values())
    found = [*(logs / SCHEDULER).glob(f"rule_*/{name}/*.log")]
    newest = sorted(found, key=lambda path: path.stat().st_mtime)[-1:]
    return [path for path in newest if SCHEDULER_ERROR in path.read_text("utf-8", "replace")]


def _describe_end(log: Path, containing: str = "") -> Iterator[str]:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if containing in line]
    yield f"  {log}"
    yield from (f"    {line}" for line in lines[-LAST_LINES:])
