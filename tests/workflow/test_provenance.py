"""Results prove what they are of: whatever comes between, none is taken for another."""

import json
import os
import shutil
from pathlib import Path

import pytest

from polymath.util.identity import read_made_from
from support.forked import run_module
from support.workspace import RUN, Workspace, write_dna_csv

AFTERWARDS = {"evaluate", "evidence", "figures", "keep_best", "write_report"}
ONE_JOB = ("--target-jobs=evaluate:task=odd", "--allowed-rules=evaluate")
PREDICTIONS = f"{RUN.format('scratch')}/predictions.parquet"


@pytest.fixture
def alone(workspace: Workspace) -> Workspace:
    """A finished experiment of which Snakemake knows nothing, as after a copy."""
    shutil.rmtree(workspace.folder / ".snakemake")
    return workspace


def test_results_alone_are_taken_as_they_are(alone: Workspace) -> None:
    assert alone.planned() == {}


def test_results_of_another_configuration_are_made_again(alone: Workspace) -> None:
    recipe = alone.config["recipes"]["tiny"]
    recipe["steps"] = 3
    assert set(alone.planned()) == {"finetune", *AFTERWARDS}
    recipe["steps"] = 20
    alone.config["replicates"] = 3
    assert {"finetune", "map_vocabulary"} <= set(alone.planned())
    alone.config["replicates"] = 2
    alone.config["datasets"]["odd"]["alphabet"] = {"preset": "dna", "illegal": "drop"}
    assert {"prepare_records", "tokenize_records", "finetune"} <= set(alone.planned())


def test_only_what_the_targets_need_is_made_again(alone: Workspace) -> None:
    alone.config["recipes"]["tiny"]["steps"] = 3
    assert alone.planned("results/records/odd.parquet") == {}


def age(path: Path) -> None:
    """Give a file a date before all others, as mv and rsync keep them."""
    os.utime(path, (1e9, 1e9))


def test_an_own_file_replaced_by_an_older_one_is_noticed(workspace: Workspace) -> None:
    file = workspace.folder / "own data.csv"
    text = file.read_text()
    assert "2 of them done" in plan_of(workspace)
    age(write_dna_csv(file, rows=130))
    assert {"fetch_data", "prepare_records", "finetune"} <= set(workspace.planned())
    assert "0 of them done" in plan_of(workspace)
    file.write_text(text)
    assert workspace.planned() == {}


def plan_of(workspace: Workspace) -> str:
    """Return the first line that the command `plan` prints."""
    options = ["--replace-workflow-config", "--configfile", "experiment.yaml"]
    result = run_module("polymath", "plan", *options, folder=workspace.folder)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[0]


def test_files_dated_in_the_future_make_nothing_again(alone: Workspace) -> None:
    for path in (alone.folder / "results").rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert alone.planned() == {}


def test_results_are_added_to_those_dated_in_the_future(workspace: Workspace) -> None:
    for path in (workspace.folder / "results").rglob("*"):
        os.utime(path, (4e9, 4e9))
    workspace.config["replicates"] = 3
    result = workspace.run("--until", "map_vocabulary")
    assert result.returncode == 0, result.stderr


DAMAGED = {
    "results/raw/odd/manifest.json": "fetch_data",
    "results/models/small/manifest.json": "fetch_model",
    "results/records/odd.parquet": "prepare_records",
    "results/cards/odd.json": "prepare_records",
    "results/shortcuts/odd.json": "find_shortcuts",
    "results/tokens/task=odd/tokenizer=own/tokens.parquet": "tokenize_records",
    "results/tokens/task=odd/tokenizer=own/tokenizer.json": "tokenize_records",
    "results/vocabulary/task=odd/model=small/mapping=random/vocabulary.parquet": "map_vocabulary",
    PREDICTIONS: "finetune",
    f"{RUN.format('scratch')}/curves.parquet": "finetune",
    "results/scores/odd.parquet": "evaluate",
    "results/matrix.parquet": "evidence",
}


def test_what_is_empty_is_made_again_without_a_word_from_the_user(workspace: Workspace) -> None:
    for name, rule in DAMAGED.items():
        path = workspace.folder / name
        content, state = path.read_bytes(), path.stat()
        path.write_bytes(b"")
        assert rule in workspace.planned(), name
        path.write_bytes(content)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert workspace.planned() == {}


def test_deleted_stages_do_not_hide_a_change(alone: Workspace) -> None:
    """Snakemake makes what lies between only where its results are to be made again."""
    for name in ("raw", "models", "records", "tokens", "vocabulary", "scores"):
        shutil.rmtree(alone.folder / "results" / name)
    assert alone.planned() == {}
    assert "2 of them done" in plan_of(alone)
    age(write_dna_csv(alone.folder / "own data.csv", rows=130))
    assert {"fetch_data", "prepare_records", "finetune", *AFTERWARDS} <= set(alone.planned())
    assert "0 of them done" in plan_of(alone)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(bytes(content))


def test_a_submitted_job_says_briefly_that_its_configuration_is_damaged(
    workspace: Workspace,
) -> None:
    path = workspace.folder / "results/.config/0123456789abcdef.json"
    path.parent.mkdir()
    path.write_text(json.dumps(workspace.config))
    result = workspace.run("--mode=subprocess", f"--configfile={path}", *ONE_JOB)
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert f"{path} is damaged" in said
    assert "Traceback" not in said
    assert "DamagedError" not in said


@pytest.mark.full
def test_a_flipped_bit_is_named_and_mended_by_the_same_command(workspace: Workspace) -> None:
    before = workspace.read("scratch", "predictions.parquet")
    tokens = workspace.folder / "results/tokens/task=odd/tokenizer=own/tokens.parquet"
    flip(tokens)
    (workspace.folder / PREDICTIONS).unlink()
    result = workspace.run()
    assert result.returncode == 1
    assert "tokens.parquet is damaged" in result.stdout + result.stderr
    assert workspace.run().returncode == 0
    assert workspace.read("scratch", "predictions.parquet") == before


@pytest.mark.full
def test_two_workflows_of_one_folder_are_never_mixed(workspace: Workspace, tmp_path: Path) -> None:
    config = json.loads(json.dumps(workspace.config))
    config["results"] = str(workspace.folder / "results")
    config["recipes"]["tiny"]["steps"] = 4
    second = Workspace(tmp_path / "second", config)
    second.folder.mkdir()
    shutil.copy(workspace.folder / "own data.csv", second.folder)
    assert second.run().returncode == 0
    stated = read_made_from(workspace.folder / PREDICTIONS)
    assert stated["asked"]["job"]["recipe"]["steps"] == 4
    assert set(workspace.planned()) >= {"finetune", *AFTERWARDS}
