"""Repairs of Snakemake's SLURM executor 2.8.0; they go when a later version is pinned."""

from collections.abc import AsyncGenerator, Callable
from functools import wraps
from pathlib import Path
from typing import Any

REFUSED = "refused.log"  # beside SLURM's own logs of a job
DETAILS = "\n    sbatch call:"  # after sbatch's reason, in the executor's message


def keep_unanswered_jobs(executor: type[Any]) -> None:
    """Let an executor keep asking for jobs whose state SLURM did not return.

    After the last failed attempt of a check, the executor neither reports its jobs as ended nor
    keeps them: it forgets them, and Snakemake waits forever. It takes a controller that is away
    for long, or for a second where `sacct` is installed without a database.

    Args:
        executor: the class, which is changed in place.
    """
    check = executor.check_active_jobs
    accounted_for: set[int] = set()

    def noted(report: Callable[..., None]) -> Callable[..., None]:
        @wraps(report)
        def report_and_note(self: Any, job: Any, *arguments: Any, **named: Any) -> None:
            accounted_for.add(id(job))
            report(self, job, *arguments, **named)

        return report_and_note

    @wraps(check)
    async def check_and_keep(self: Any, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        accounted_for.clear()
        async for job in check(self, active_jobs):
            accounted_for.add(id(job))
            yield job
        unanswered = [job for job in active_jobs if id(job) not in accounted_for]
        if unanswered:
            self.logger.warning(
                f"SLURM did not return the state of {len(unanswered)} of {len(active_jobs)} jobs: "
                "asking again later"
            )
        for job in unanswered:
            yield job

    executor.report_job_success = noted(executor.report_job_success)
    executor.report_job_error = noted(executor.report_job_error)
    executor.check_active_jobs = check_and_keep


def keep_refusals(executor: type[Any], folder_of: Callable[[Any], str]) -> None:
    """Let an executor keep why sbatch refused a job where SLURM's own logs of the job are.

    Only Snakemake's log says so otherwise: a refused job has no log of its own.

    Args:
        executor: the class, which is changed in place.
        folder_of: returns the name of a job's folder of logs, in that of its rule.
    """
    report_error, report_submission = executor.report_job_error, executor.report_job_submission

    def paths(self: Any, job: Any) -> list[Path]:
        jobs = job.jobs if job.is_group() else [job]
        folders = [(f"rule_{each.name}", folder_of(each)) for each in jobs]
        return [Path(self.slurm_logdir, *folder, REFUSED) for folder in folders]

    @wraps(report_error)
    def keep_and_report(self: Any, info: Any, msg: str | None = None, **named: Any) -> None:
        if info.external_jobid is None and msg:
            reason = " ".join(msg.partition(DETAILS)[0].split())
            for path in paths(self, info.job):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"error: not submitted: {reason}\n", encoding="utf-8")
        report_error(self, info, msg=msg, **named)

    @wraps(report_submission)
    def forget_and_report(self: Any, info: Any, **named: Any) -> None:
        for path in paths(self, info.job):
            path.unlink(missing_ok=True)
        report_submission(self, info, **named)

    executor.report_job_error = keep_and_report
    executor.report_job_submission = forget_and_report
