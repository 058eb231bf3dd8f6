"""Several short conditions in one SLURM job, as slurm.md says."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import RESULTS, Cluster, Submitted

from support import ROOT
from support.workspace import tiny_config

pytestmark = pytest.mark.slurm

CONDITIONS, A_JOB = 4, 2


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    one = Cluster(tmp_path / "slurm")
    one.start()
    yield one
    one.stop()


def documented_options() -> list[str]:
    """Return the options that the page shows, with fewer conditions a job."""
    page = (ROOT / "resources/docs/slurm.md").read_text(encoding="utf-8")
    command = page.partition("## Many short conditions")[2].split("```")[1]
    words = command.replace("\\\n", " ").split()
    return [word.replace("=10", f"={A_JOB}") for word in words[words.index("--groups") :]]


def test_conditions_of_one_job_are_trained_one_after_another_on_one_gpu(
    cluster: Cluster, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, checkpoint("bert"))
    recipe = config["recipes"]["tiny"]
    config["recipes"] = {f"r{number}": recipe for number in range(CONDITIONS)}
    config |= {"results": RESULTS, "initialisations": ["scratch"], "replicates": 1}
    experiment = Submitted(cluster, tmp_path, config)
    experiment.start(*documented_options())
    assert experiment.wait(seconds=300) == 0, experiment.said
    for name in config["recipes"]:
        assert (experiment.run_folder(name) / "predictions.parquet").exists()
    jobs = cluster.run("squeue", "-h", "-t", "all", "-o", "%i %T").splitlines()
    assert [job.split()[1] for job in jobs] == ["COMPLETED"] * (CONDITIONS // A_JOB)
    for job in jobs:
        shown = cluster.run("scontrol", "show", "job", job.split()[0])
        assert re.search(r"TresPerJob=gres[:/]gpu:1$", shown, re.MULTILINE), shown
    seen = {one.recipe for look in experiment.at_once for one in look}
    assert seen == set(config["recipes"])
    for look in experiment.at_once:
        of_jobs = [one.job for one in look]
        assert len(set(of_jobs)) == len(of_jobs), look
