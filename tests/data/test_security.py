"""Hostile values stay values: nothing reaches a shell, leaves its folder or runs as code."""

import ast
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from snakemake_executor_plugin_slurm.submit_string import get_submit_command

from polymath.evaluation.tables import prediction_schema
from polymath.experiment.conditions import Condition
from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, read_metadata, read_table, write_json, write_table
from support import ROOT
from support.workspace import tiny_config

HOSTILE = ["$(touch pwned)", "`touch pwned`", "../../pwned", 'a"b', "a'b", "a b", "a\nb", "ünïcode",
           "/etc/passwd", "-rf", "a;touch pwned", "a|b", "{a}", "~root", "*"]  # fmt: skip
CODE = ROOT / "workflow"


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", ["tasks", "models", "recipes", "datasets", "checkpoints"])
def test_a_hostile_name_is_refused_wherever_names_become_paths(
    key: str, value: str, tmp_path: Path
) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, tmp_path)
    if isinstance(config[key], dict):
        config[key] = {value: next(iter(config[key].values()))}
    else:
        config[key] = [value]
    with pytest.raises(PolymathError, match=f"config: {key}") as caught:
        load_experiment(config, ROOT / "resources")
    assert "a name has lower-case letters" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["a 'b' $(touch pwned)", 'a"b', "a`b`", "a\\b", "a\nb", "{task}", "a\x00", "", "~x"]
)
def test_a_results_folder_that_a_shell_could_misread_is_refused(value: str, tmp_path: Path) -> None:
    """Snakemake quotes paths of a cluster's jobs by repr(): an apostrophe lets `$(...)` run."""
    config: dict[str, Any] = tiny_config(tmp_path, tmp_path)
    with pytest.raises(PolymathError, match="config: results: String should match pattern"):
        load_experiment({**config, "results": value}, ROOT / "resources")


@pytest.mark.parametrize("value", ["a b", "ünïcode/results", "/scratch/me/out-1.5", "x~", "../y"])
def test_other_results_folders_are_as_the_user_says(value: str, tmp_path: Path) -> None:
    config: dict[str, Any] = tiny_config(tmp_path, tmp_path)
    assert load_experiment({**config, "results": value}, ROOT / "resources").results == value
    assert shlex.split(repr(value)) == [value]


@pytest.mark.parametrize("value", HOSTILE)
def test_labels_and_identifiers_are_data(value: str, tmp_path: Path) -> None:
    schema = prediction_schema("classification")
    row = {"replicate": [0], "split": ["test"], "id": [value], "item": [value],
           "label": [value], "logits": [[0.5]]}  # fmt: skip
    path = tmp_path / "deep" / "predictions.parquet"
    write_table(pd.DataFrame(row), path, schema, {"labels": [value]})
    assert read_table(path)["label"].to_list() == [value]
    assert read_metadata(path)["labels"] == [value]
    write_json({value: value}, tmp_path / "deep/x.json")
    assert read_json(tmp_path / "deep/x.json") == {value: value}
    assert {entry.name for entry in tmp_path.rglob("*")} == {
        "deep", "predictions.parquet", "x.json"
    }  # fmt: skip


def test_no_rule_starts_a_shell() -> None:
    """Ruff (S) finds shells, eval and unsafe YAML in Python; it does not read rules."""
    files = [ROOT / "Snakefile", CODE / "Snakefile", *CODE.rglob("*.smk")]
    assert CODE / "rules/functions/data.smk" in files
    for rules in files:
        lines = map(str.strip, rules.read_text().splitlines())
        assert not [line for line in lines if line.startswith(("shell:", "run:"))], rules


def test_slurm_is_handed_commands_in_a_script_and_names_in_quotes() -> None:
    """A command inside double quotes on sbatch's line would be expanded by the shell."""
    profile = yaml.safe_load((CODE / "profiles/slurm/config.v8+.yaml").read_text())
    assert profile["slurm-pass-command-as-script"] is True
    job = SimpleNamespace(resources=pd.Series({"gpu": 1, "gres": ""}), threads=1)
    for value in HOSTILE:
        names = {"run_uuid": "x", "slurm_logfile": value, "comment_str": value, "account": "",
                 "partition": "", "workdir": value}  # fmt: skip
        words = shlex.split(get_submit_command(job, names))
        assert words.count(value) == 3, "as one word each, as it is"


def test_a_path_stays_one_whatever_the_condition() -> None:
    condition = Condition("splice", "minilm-l6", "scratch", "random", "0.1", "default")
    assert ".." not in Path(condition.path).parts
    assert len(Path(condition.path).parts) == 6


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/name:os.system",
        "!!python/object/new:os.system []",
    ],
)
def test_yaml_with_code_is_refused(
    tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(f"results: {tag}\n")
    with pytest.raises(PolymathError, match=r"bad.yaml: not valid YAML"):
        read_config(tmp_path / "bad.yaml")
    assert not (tmp_path / "pwned").exists()


def test_torch_loads_no_code_and_transformers_none_that_came_with_a_model() -> None:
    loads = 0
    for path in CODE.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if ast.unparse(node.func) == "torch.load":
                loads += 1
                assert keywords["weights_only"] == "True", path
            assert keywords.get("trust_remote_code", "False") == "False", path
            assert "allow_pickle" not in keywords, path
    assert loads == 1
