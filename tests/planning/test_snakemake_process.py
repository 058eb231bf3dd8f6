"""What is changed in Snakemake's own process."""

import errno
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.api  # before its parts, which import each other in a circle
import snakemake.dag
import snakemake.jobs

from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.paths import FROZEN_FOLDER
from polymath.experiment.requests import as_param
from polymath.planning.snakemake_process import (
    freeze_config,
    make_again,
    try_mistakes_once,
    use_frozen_config,
)
from polymath.util.errors import DamagedError, PolymathError, PreemptedError
from polymath.util.job_log import job_log
from support import ROOT
from support.forked import run_forked

RESOURCES = ROOT / "resources"
CONFIGS = [ROOT / "config.yaml", *sorted((RESOURCES / "experiments").glob("*.yaml"))]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_submitted_job_reads_the_experiment_as_it_was(path: Path, tmp_path: Path) -> None:
    experiment = load_experiment(read_config(path), RESOURCES)
    settings = SimpleNamespace(configfiles=[path], config_args=["seed=1"])
    workflow = SimpleNamespace(config_settings=settings)
    freeze_config(workflow, as_param(experiment), tmp_path / FROZEN_FOLDER)
    assert settings.config_args == []
    # What Snakemake merges before: the workflow's own file, as it is by now.
    config = {"seed": 77, "recipes": {"other": {}}, "crossed": {"init": 9}}
    use_frozen_config(workflow, config, FROZEN_FOLDER)
    # The catalogue may have changed as well.
    (tmp_path / "catalogue").mkdir()
    for name in ("datasets.yaml", "models.yaml"):
        (tmp_path / "catalogue" / name).write_text("{}")
    assert load_experiment(config, tmp_path / "catalogue") == experiment


def test_a_frozen_configuration_that_is_damaged_is_refused_and_frozen_again(
    tmp_path: Path,
) -> None:
    settings = SimpleNamespace(configfiles=[], config_args=[])
    workflow = SimpleNamespace(config_settings=settings)
    freeze_config(workflow, {"steps": 60}, tmp_path / FROZEN_FOLDER)
    [path] = settings.configfiles
    path.write_text(path.read_text().replace("60", "64"))
    config: dict[str, Any] = {}
    with pytest.raises(DamagedError, match="is damaged"):
        use_frozen_config(workflow, config, FROZEN_FOLDER)
    freeze_config(workflow, {"steps": 60}, tmp_path / FROZEN_FOLDER)
    use_frozen_config(workflow, config, FROZEN_FOLDER)
    assert config == {"steps": 60}


def test_a_configuration_that_was_not_frozen_is_left(tmp_path: Path) -> None:
    settings = SimpleNamespace(configfiles=[tmp_path / "my.yaml"], config_args=[])
    config = {"seed": 7}
    use_frozen_config(SimpleNamespace(config_settings=settings), config, FROZEN_FOLDER)
    assert config == {"seed": 7}


def test_files_to_make_again_are_forced_without_being_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(dag: Any, forcefiles: set[str]) -> None:
        dag.forcefiles, dag.targetfiles = set(forcefiles), set()

    monkeypatch.setattr(snakemake.dag.DAG, "__init__", init)
    make_again([Path("results/a.parquet")])
    dag = snakemake.dag.DAG({"b"})
    assert dag.forcefiles == {"results/a.parquet", "b"}
    assert dag.targetfiles == set()


SLEEPING = """
from polymath.planning.snakemake_process import choose_jobs_when_one_ends
onstart:
    choose_jobs_when_one_ends(workflow)
rule all:
    input: "0", "1", "2"
rule sleep:
    output: "{n}"
    shell: "sleep 1.2; touch {output}"
"""


def _count_choices(*limit: str) -> None:
    from snakemake.cli import main
    from snakemake.scheduling.job_scheduler import JobScheduler

    choices, choose = [], JobScheduler.job_selector

    def job_selector(scheduler: Any, jobs: Any) -> Any:
        choices.append(len(jobs))
        return choose(scheduler, jobs)

    JobScheduler.job_selector = job_selector
    with pytest.raises(SystemExit) as ended:
        main(["--snakefile=Sleep.smk", "--cores=1", *limit])
    assert not ended.value.code
    print(f"choices among {choices}")


def test_jobs_are_chosen_when_one_ends_only(tmp_path: Path) -> None:
    (tmp_path / "Sleep.smk").write_text(SLEEPING)
    result = run_forked(_count_choices, folder=tmp_path)
    assert "choices among [3, 2, 1, 1]" in result.stdout, result.stderr


def test_a_limit_of_ones_own_is_kept(tmp_path: Path) -> None:
    (tmp_path / "Sleep.smk").write_text(SLEEPING)
    result = run_forked(_count_choices, "--max-jobs-per-timespan=1/1s", folder=tmp_path)
    choices = json.loads(result.stdout.rpartition("among ")[2])
    assert len(choices) > len([3, 2, 1, 1]), result.stderr


MANY_JOBS = """
from polymath.planning.snakemake_process import check_scripts_once, read_signatures_once
check_scripts_once()
read_signatures_once()
def own(wildcards):
    return []
rule all:
    input: expand("{name}.{n}", name=["here", "missing"], n=range(20))
rule here:
    input: own
    output: "here.{n}"
    script: "here.py"
rule missing:
    output: "missing.{n}"
    script: "MISSING.py"
"""


def _count_looks(missing: str, *targets: str) -> None:
    import inspect

    from snakemake.sourcecache import SourceCache

    looks = {"scripts": 0, "signatures": 0}
    look, read = SourceCache.open, inspect.signature

    def open_counted(cache: Any, source_file: Any, *arguments: Any) -> Any:
        looks["scripts"] += str(source_file.get_path_or_uri(secret_free=True)).endswith(".py")
        return look(cache, source_file, *arguments)

    def signature(function: Any, *arguments: Any, **named: Any) -> Any:
        looks["signatures"] += function.__name__ == "own"
        return read(function, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SourceCache, "open", open_counted)
        patch.setattr(inspect, "signature", signature)
        _plan_many(missing, targets)
    print(looks)


def _plan_many(missing: str, targets: Sequence[str]) -> None:
    from snakemake.cli import main

    Path("Many.smk").write_text(MANY_JOBS.replace("MISSING", missing))
    with pytest.raises(SystemExit) as ended:
        main(["--snakefile=Many.smk", "--dry-run", "--cores=1", "--forceall", *targets])
    print(f"status {ended.value.code}")


def test_a_rules_script_and_functions_are_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "here.py").touch()
    result = run_forked(_count_looks, "here", folder=tmp_path)
    assert "status 0\n{'scripts': 2, 'signatures': 1}" in result.stdout, result.stderr


def test_a_missing_script_is_still_missed(tmp_path: Path) -> None:
    (tmp_path / "here.py").touch()
    result = run_forked(_count_looks, "gone", folder=tmp_path)
    assert "status 1\n" in result.stdout, result.stderr
    assert "gone.py" in result.stdout


def write_log(path: Path, error: Exception) -> Path:
    with pytest.raises(SystemExit), job_log(str(path), "finetune"):
        raise error
    return path


@pytest.mark.parametrize(
    ("error", "retries"),
    [
        (PolymathError("no column 'seq'"), 0),
        (DamagedError(Path("tokens.parquet"), "cut"), 0),
        (PreemptedError("received SIGTERM"), 2),
        (MemoryError(), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (ZeroDivisionError(), 2),
    ],
)
def test_only_what_may_pass_is_tried_again(
    error: Exception, retries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Single:
        restart_times = property(lambda job: 2)

        def __init__(self, log: Path) -> None:
            self.log = [str(log)]

    class Group:
        restart_times = property(lambda group: max(job.restart_times for job in group.jobs))

        def __init__(self, *jobs: Single) -> None:
            self.jobs = jobs

    monkeypatch.setattr(snakemake.jobs, "Job", Single)
    monkeypatch.setattr(snakemake.jobs, "GroupJob", Group)
    try_mistakes_once(began := time.time() - 9)
    failed, pending = Single(write_log(tmp_path / "a.log", error)), Single(tmp_path / "b.log")
    assert failed.restart_times == retries
    assert Group(pending, failed).restart_times == retries
    assert pending.restart_times == 2
    os.utime(tmp_path / "a.log", (began - 60, began - 60))  # of an earlier run
    assert failed.restart_times == 2
