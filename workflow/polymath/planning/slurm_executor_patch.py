"""A repair of Snakemake's SLURM executor 2.8.0; it goes when a later version is pinned."""

from collections.abc import AsyncGenerator, Callable
from functools import wraps
from typing import Any


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
                f"SLURM did not return the state of {len(unanswered)} jobs: asking again later"
            )
        for job in unanswered:
            yield job

    executor.report_job_success = noted(executor.report_job_success)
    executor.report_job_error = noted(executor.report_job_error)
    executor.check_active_jobs = check_and_keep
