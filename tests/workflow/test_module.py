"""The workflow as a part of another one, and in the Snakemake workflow catalogue."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from support import ROOT
from support.forked import run_snakemake
from support.workspace import tiny_config, write_config

# As snakedeploy writes it, with names that cannot meet those of another workflow.
IMPORTING = f"""
configfile: "experiment.yaml"

module polymath:
    snakefile: "{ROOT / "workflow/Snakefile"}"
    config: config

use rule * from polymath as polymath_*

rule copy_matrix:
    input: rules.polymath_evidence.output.matrix
    output: "copied.parquet"
    shell: "cp {{input}} {{output}}"
"""


@pytest.fixture
def importing(
    tmp_path: Path, checkpoint: Callable[[str], Path]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Snakemake in a folder whose Snakefile imports ours."""
    config: dict[str, Any] = tiny_config(tmp_path, checkpoint("bert"))
    config |= {"initialisations": ["scratch"], "replicates": 1}
    write_config(config, tmp_path / "experiment.yaml")
    (tmp_path / "Snakefile").write_text(IMPORTING)
    return lambda *arguments: run_snakemake(tmp_path, ["--cores=2", *arguments])


def test_another_snakefile_plans_everything(
    importing: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = importing("--dry-run", "polymath_all")
    assert result.returncode == 0, result.stderr
    assert "rule polymath_write_report:" in result.stdout


def test_another_snakefile_uses_our_results(
    importing: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    result = importing("copy_matrix")
    assert result.returncode == 0, result.stderr
    assert pd.read_parquet(tmp_path / "copied.parquet")["init"].to_list() == ["scratch"]


def test_the_catalogue_finds_what_it_looks_for() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert (ROOT / "workflow/Snakefile").is_file()
    assert (ROOT / "config/README.md").is_file()
    # What snakedeploy copies for a user to change.
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()
