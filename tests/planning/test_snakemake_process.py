"""What is changed in Snakemake's own process."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.api  # before its parts, which import each other in a circle
import snakemake.dag

from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.paths import FROZEN_FOLDER
from polymath.experiment.requests import as_param
from polymath.planning.snakemake_process import freeze_config, make_again, use_frozen_config
from support import ROOT

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
