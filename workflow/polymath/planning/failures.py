"""Failed and pending conditions, with the end of their logs."""

from collections.abc import Iterator
from pathlib import Path

from polymath.experiment.conditions import Condition
from polymath.planning.plan import Plan

LAST_LINES = 4
ERROR = "] ERROR: "  # as `job_log` writes it
SCHEDULER = "slurm"  # the folder of SLURM's own logs, as its profile sets it
SCHEDULER_ERROR = "error: "


def describe_failures(plan: Plan) -> Iterator[str]:
    """Yield each failed or pending condition with the end of its log, then other failed stages.

    Yields nothing if every condition is done and no stage failed.
    """
    logs = plan.paths.logs
    if plan.pending:
        yield f"{len(plan.pending)} of {len(plan.conditions)} conditions failed or pending:"
    shown = set()
    for condition in plan.pending:
        stage = "baseline" if condition.is_baseline else "finetune"
        log = plan.paths.log(stage, *condition.trained.columns.values())
        stale = plan.stale.get(plan.paths.predictions(condition))
        pending = f": to be made again, {stale}" if stale else ": pending"
        yield f"\n{condition.title}" + ("" if log.is_file() and not stale else pending)
        if log.is_file():
            shown.add(log)
            yield from _describe_end(log)
        for path in _scheduler_logs(logs, condition):
            yield from _describe_end(path, SCHEDULER_ERROR)
    failed = [log for log in _failed_stages(logs) if log not in shown]
    if failed:
        yield "\nother stages that failed:"
        for log in failed:
            yield from _describe_end(log)


def _failed_stages(logs: Path) -> Iterator[Path]:
    """Yield the logs of jobs whose last attempt ended with an error."""
    for path in sorted(logs.glob("[!.]*/**/*.log")):
        if SCHEDULER not in path.relative_to(logs).parts and ERROR in path.read_text(
            "utf-8", "replace"
        ):
            yield path


def _scheduler_logs(logs: Path, condition: Condition) -> list[Path]:
    """Return SLURM's log of the last failed attempt, if it holds an error."""
    name = "_".join(condition.columns.values())
    attempts = [*(logs / SCHEDULER).glob(f"rule_*/{name}/*.log")]
    newest = sorted(attempts, key=lambda path: path.stat().st_mtime)[-1:]
    return [path for path in newest if SCHEDULER_ERROR in path.read_text("utf-8", "replace")]


def _describe_end(log: Path, containing: str = "") -> Iterator[str]:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if containing in line]
    yield f"  {log}"
    yield from (f"    {line}" for line in lines[-LAST_LINES:])
