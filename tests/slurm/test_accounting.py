"""The same profile on a cluster with an accounting database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import RESULTS, Cluster, Submitted, wait_for

from support.workspace import tiny_config

pytestmark = pytest.mark.slurm


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose jobs are recorded in a database."""
    one = Cluster(tmp_path / "slurm", accounting=True)
    one.start()
    yield one
    one.stop()


def test_a_cancelled_job_is_noticed_and_tried_again_with_a_database_too(
    cluster: Cluster, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, checkpoint("bert"))
    config["recipes"] = {"r1": {**config["recipes"]["tiny"], "steps": 1000}}
    config |= {"results": RESULTS, "initialisations": ["scratch"], "replicates": 1}
    experiment = Submitted(cluster, tmp_path, config, checkpoint_seconds=0.3)
    experiment.start()
    wait_for(lambda: experiment.held, "a condition with a checkpoint")
    first = experiment.held["r1"]
    cluster.run("scancel", first.job)
    assert experiment.wait(seconds=300) == 0, experiment.said
    assert "resumed at step" in experiment.log("r1")
    shown = cluster.run("sacct", "-X", "-n", "-P", "-o", "JobIDRaw,State").splitlines()
    states = {line.partition("|")[0]: line.partition("|")[2].split()[0] for line in shown}
    assert states.pop(first.job) == "CANCELLED"
    assert list(states.values()) == ["COMPLETED"]
