"""An experiment on a real SLURM cluster of one node, with everything going wrong on the way.

One experiment runs through all faults (each job takes longer to start than to train); each test
then looks at what one fault left.
"""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import GPUS, RESULTS, Cluster, Submitted, Training, wait_for
from safetensors.torch import load_file, save_file

from polymath.experiment.conditions import Condition
from polymath.experiment.recipes import Recipe
from polymath.training.finetune import finetune
from polymath.training.job import Execution, Job, Outputs
from polymath.util.identity import read_made_from
from polymath.util.storage import made_from
from support.workspace import tiny_config

pytestmark = pytest.mark.slurm

RECIPES = [f"r{number}" for number in range(1, 7)]
STEPS = 1000


@dataclass(frozen=True)
class Session:
    """What was seen of an experiment that met every fault."""

    experiment: Submitted
    status: int
    struck: dict[str, Training]
    """By fault, the process that it struck."""
    saved: dict[str, int]
    """By fault, the step of the last checkpoint before it."""
    waiting: int
    """Jobs that waited while all GPUs were taken."""


def config_of(folder: Path, checkpoint: Path) -> dict[str, Any]:
    """Six conditions alike, and one whose model is broken."""
    config: dict[str, Any] = tiny_config(folder, checkpoint)
    recipe = {**config["recipes"]["tiny"], "steps": STEPS}
    broken = folder / "broken"
    shutil.copytree(checkpoint, broken)
    weights = load_file(broken / "model.safetensors")
    del weights["bert.encoder.layer.0.output.dense.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    config["models"] = ["small", "broken"]
    config["checkpoints"]["broken"] = {"source": {"kind": "path", "path": str(broken)}}
    return {
        **config,
        "results": RESULTS,
        "replicates": 1,
        "recipes": {**dict.fromkeys(RECIPES, recipe), "short": {**recipe, "steps": 5}},
        "exclude": [
            {"model": "small", "init": "pretrained"},
            {"model": "small", "recipe": "short"},
            {"model": "broken", "init": "scratch"},
            {"model": "broken", "recipe": RECIPES},
        ],
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster, as long as this module's tests last."""
    one = Cluster(tmp_path_factory.mktemp("cluster") / "slurm")
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def session(
    cluster: Cluster,
    checkpoint: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Session:
    """Run the experiment through all faults."""
    folder = tmp_path_factory.mktemp("experiment")
    experiment = Submitted(
        cluster, folder, config_of(folder, checkpoint("bert")), checkpoint_seconds=0.3
    )
    experiment.start()

    def hold(count: int) -> list[Training]:
        """Return the first processes that were stopped, once there are so many."""
        wait_for(lambda: len(experiment.held) >= count, "a condition with a checkpoint", 300)
        return list(experiment.held.values())[:count]

    held = hold(GPUS)
    waiting = cluster.run("squeue", "-h", "-t", "PD", "-o", "%i").split()
    struck = dict(zip(("scancel", "kill", "limit", "requeue"), held, strict=True))
    saved = {fault: experiment.saved_step(one.recipe) for fault, one in struck.items()}

    cluster.run("scontrol", "update", f"JobId={struck['limit'].job}", "TimeLimit=1")
    cluster.run("scancel", struck["scancel"].job)
    struck["kill"].process.kill()
    cluster.run("scontrol", "requeue", struck["requeue"].job)

    struck["controller"] = hold(GPUS + 1)[-1]
    saved["controller"] = experiment.saved_step(struck["controller"].recipe)
    cluster.crash_controller()
    struck["controller"].process.send_signal(signal.SIGCONT)
    # Snakemake must have asked in vain: its executor then asks `sacct`, which has no database.
    unanswered = "SLURM did not return the state of"
    wait_for(lambda: unanswered in experiment.said, "a check while the controller is away")
    cluster.restart_controller()

    struck["node"] = hold(GPUS + 2)[-1]
    saved["node"] = experiment.saved_step(struck["node"].recipe)
    lose_node(cluster, struck["node"].job)

    status = experiment.wait(seconds=600)
    return Session(experiment, status, struck, saved, len(waiting))


def lose_node(cluster: Cluster, job: str) -> None:
    """Cut the node's power while a job runs on it alone, and give it back.

    Another job's log would tell of its third start, and a node that is lost while it cleans up
    after a job stays unready for minutes.
    """
    wait_for(
        lambda: cluster.run("squeue", "-h", "-o", "%i").split() == [job],
        "every other job's end",
        600,
    )
    cluster.cut_power()
    cluster.run("scontrol", "update", f"NodeName={cluster.node}", "State=DOWN", "Reason=test")
    cluster.start()


def undisturbed(experiment: Submitted, recipe: str, folder: Path) -> bytes:
    """Return the predictions of a condition that is trained without SLURM, in one go."""
    results = experiment.folder / RESULTS
    stated = read_made_from(experiment.run_folder(recipe) / "predictions.parquet")
    with made_from(stated):
        finetune(
            Job(
                condition=Condition("odd", "small", "scratch", "random", "1", recipe),
                recipe=Recipe(**experiment.config["recipes"][recipe]),
                metric="accuracy",
                seed=experiment.config["seed"],
                replicates=1,
                crossed={},
                tokens=results / "tokens/task=odd/tokenizer=own/tokens.parquet",
                vocabulary=results / "vocabulary/task=odd/model=small/mapping=random"
                / "vocabulary.parquet",
                model=results / "models/small/manifest.json",
            ),
            Execution(threads=1, checkpoint_seconds=60),
            Outputs(folder / "predictions.parquet", folder / "curves.parquet"),
            lambda message: None,
        )  # fmt: skip
    return (folder / "predictions.parquet").read_bytes()


def test_no_more_than_four_jobs_at_once_and_each_has_a_device_of_its_own(session: Session) -> None:
    assert session.waiting >= 1, "more jobs than GPUs"
    at_once = session.experiment.at_once
    assert max(len(look) for look in at_once) == GPUS
    for look in at_once:
        devices = [one.device for one in look]
        assert len(set(devices)) == len(devices), look
    assert {one.device for look in at_once for one in look} == {"0", "1", "2", "3"}


@pytest.mark.parametrize("fault", ["scancel", "kill", "limit", "requeue", "node"])
def test_what_was_cut_short_goes_on_from_its_checkpoint_to_the_same_bytes(
    session: Session, fault: str, tmp_path: Path
) -> None:
    recipe = session.struck[fault].recipe
    found = re.search(r"resumed at step (\d+)", session.experiment.log(recipe))
    assert found is not None, session.experiment.log(recipe)
    assert int(found.group(1)) >= session.saved[fault] > 0
    predictions = session.experiment.run_folder(recipe) / "predictions.parquet"
    assert predictions.read_bytes() == undisturbed(session.experiment, recipe, tmp_path)


def test_snakemake_is_told_of_each_end_and_tries_again(session: Session) -> None:
    said = session.experiment.said
    for fault, state in (("scancel", "CANCELLED"), ("kill", "FAILED"), ("limit", "TIMEOUT")):
        job = session.struck[fault].job
        assert f"SLURM-job '{job}' failed, SLURM status is: '{state}'" in said


@pytest.mark.parametrize("fault", ["requeue", "node"])
def test_slurm_itself_starts_again_what_it_took_away(session: Session, fault: str) -> None:
    """By `scontrol requeue`, as preemption does it, and by the loss of the node."""
    job = session.struck[fault].job
    shown = session.experiment.cluster.run("scontrol", "show", "job", job)
    assert "JobState=COMPLETED" in shown
    assert re.search(r"Restarts=[1-9]", shown)


def test_a_restarted_controller_costs_nothing(session: Session, tmp_path: Path) -> None:
    struck = session.struck["controller"]
    assert f"SLURM-job '{struck.job}' failed" not in session.experiment.said
    predictions = session.experiment.run_folder(struck.recipe) / "predictions.parquet"
    assert predictions.read_bytes() == undisturbed(session.experiment, struck.recipe, tmp_path)


def test_it_ends_with_exactly_the_failed_condition_named(session: Session) -> None:
    assert session.status == 1
    experiment = session.experiment
    result = subprocess.run(
        [sys.executable, "-m", "polymath", "failed", "--configfile", "experiment.yaml",
         "--replace-workflow-config"],
        cwd=experiment.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stdout.startswith("1 of 7 conditions ")
    assert "odd · broken · pretrained · random · 1 · short" in result.stdout
    assert "the checkpoint lacks 1 of the encoder's tensors" in result.stdout


def test_the_rerun_does_only_the_failed_condition(
    session: Session, checkpoint: Callable[[str], Path]
) -> None:
    experiment = session.experiment
    before = {
        recipe: (experiment.run_folder(recipe) / "predictions.parquet").stat().st_mtime_ns
        for recipe in RECIPES
    }
    shutil.copy(checkpoint("bert") / "model.safetensors", experiment.folder / "broken")
    result = experiment.run()
    assert result.returncode == 0, result.stdout
    assert re.search(r"^finetune +1$", result.stdout, re.MULTILINE)
    assert (experiment.run_folder("short", "broken", "pretrained") / "predictions.parquet").exists()
    for recipe, written in before.items():
        path = experiment.run_folder(recipe) / "predictions.parquet"
        assert path.stat().st_mtime_ns == written


def test_short_rules_stay_off_the_queue(session: Session) -> None:
    experiment = session.experiment
    shown = experiment.cluster.run("squeue", "-h", "-t", "all", "-o", "%k")
    assert {line.partition("_wildcards_")[0] for line in shown.splitlines()} == {"rule_finetune"}
    assert (experiment.folder / RESULTS / "records/odd.parquet").exists()
    assert "localrule prepare_records:" in experiment.said
