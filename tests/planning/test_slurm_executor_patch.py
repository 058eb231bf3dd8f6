"""Jobs of Snakemake's SLURM executor whose state SLURM does not tell."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from polymath.planning.failures import describe_failures
from polymath.planning.slurm_executor_patch import keep_refusals, keep_unanswered_jobs
from support.plans import plan_of


class Answering:
    """An executor that is told of `running` jobs and of `ended` ones, and of no other."""

    def __init__(self, running: list[str], succeeded: list[str], failed: list[str]) -> None:
        self.running, self.succeeded, self.failed = running, succeeded, failed
        self.logger = logging.getLogger("answering")
        self.reported: list[tuple[str, str]] = []

    def report_job_success(self, job: Any) -> None:
        self.reported.append(("success", job.name))

    def report_job_error(self, job: Any, msg: str, aux_logs: list[str]) -> None:
        self.reported.append((msg, job.name))

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        for job in active_jobs:
            if job.name in self.succeeded:
                self.report_job_success(job)
            elif job.name in self.failed:
                self.report_job_error(job, msg="failed", aux_logs=[])
            elif job.name in self.running:
                yield job


def check(executor: Any, jobs: list[Any]) -> list[Any]:
    async def gather() -> list[Any]:
        return [job async for job in executor.check_active_jobs(jobs)]

    return asyncio.run(gather())


def test_a_job_without_an_answer_is_kept_and_the_others_are_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Executor(Answering):
        pass

    jobs = [SimpleNamespace(name=name) for name in "abcd"]
    assert [job.name for job in check(Answering(["a"], ["b"], ["c"]), jobs)] == ["a"]
    keep_unanswered_jobs(Executor)
    executor = Executor(["a"], ["b"], ["c"])
    assert [job.name for job in check(executor, jobs)] == ["a", "d"]
    assert executor.reported == [("success", "b"), ("failed", "c")]
    assert "state of 1 of 4 jobs" in caplog.text
    executor.running = ["a", "d"]
    caplog.clear()
    assert [job.name for job in check(executor, [jobs[0], jobs[3]])] == ["a", "d"]
    assert not caplog.text


def test_snakemakes_own_executor_keeps_jobs_when_slurm_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plugin's own check, with a `squeue` that always fails; see the patch."""

    class Executor(plugin.Executor):  # a subclass, so that the patch stays in this test
        def __init__(self) -> None:
            self.logger, self.run_uuid = logging.getLogger("slurm"), "run"
            self.workflow = SimpleNamespace(
                executor_settings=SimpleNamespace(status_attempts=2, status_command="squeue")
            )
            self.status_rate_limiter = asyncio.Semaphore()
            self._status_query_failures = self._status_query_calls = 0

    async def fail(command: str, logger: Any) -> tuple[None, None]:
        return None, None

    monkeypatch.setattr(plugin, "query_job_status", fail)
    monkeypatch.setattr(plugin, "get_min_job_age", lambda: None)
    monkeypatch.setattr(plugin, "is_query_tool_available", lambda name: True)
    jobs = [SubmittedJobInfo(job=None, external_jobid=str(number)) for number in range(3)]
    assert check(Executor(), jobs) == [], "mended in this version: the patch can go"
    keep_unanswered_jobs(Executor)
    assert check(Executor(), jobs) == jobs


def test_why_sbatch_refused_a_job_is_shown_until_it_takes_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    names = ["_".join(condition.columns.values()) for condition in plan.conditions]
    jobs = [SimpleNamespace(name="finetune", wildcards=name) for name in names]
    for job in jobs:
        job.is_group = lambda: False
    group = SimpleNamespace(name="conditions", jobs=jobs, is_group=lambda: True)

    class Executor:
        slurm_logdir = plan.paths.logs / "slurm"

        def report_job_error(self, job_info: Any, msg: str | None = None) -> None:
            errors.append(str(msg))

        def report_job_submission(self, job_info: Any) -> None:
            pass

    errors: list[str] = []
    keep_refusals(Executor, lambda job: str(job.wildcards))
    executor = Executor()
    refusal = (
        "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition: nope\n"
        "sbatch: error: Batch job submission failed'.\n    sbatch call:\n        sbatch --x"
    )
    executor.report_job_error(SubmittedJobInfo(group), refusal)
    assert errors == [refusal]
    text = "\n".join(describe_failures(plan))
    assert text.count("invalid partition: nope sbatch: error: Batch job submission failed") == 2
    assert "--x" not in text
    executor.report_job_submission(SubmittedJobInfo(jobs[0], external_jobid="7"))
    assert "\n".join(describe_failures(plan)).count("invalid partition") == 1
    executor.report_job_error(SubmittedJobInfo(jobs[0], external_jobid="7"), msg="failed")
    assert "\n".join(describe_failures(plan)).count("error: not submitted") == 1
