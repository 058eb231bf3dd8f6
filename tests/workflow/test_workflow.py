"""The workflow as its users meet it: run, run again, change something, break something."""

import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from polymath.evaluation.claims import LEAST_PAIRS
from polymath.evaluation.rate_sensitivity import ONE_RATE
from polymath.reporting.figures.registry import FIGURES
from polymath.util.storage import read_json
from support import ROOT
from support.workspace import (
    RUN,
    Workspace,
    heed_signals,
    training_process,
    write_dna_csv,
)

# What is made again when a condition is.
AFTERWARDS = ["evaluate", "evidence", "figures", "keep_best", "write_report"]


def test_the_matrix_has_one_row_a_condition_and_every_file_is_there(finished: Workspace) -> None:
    results = finished.folder / "results"
    matrix = pd.read_parquet(results / "matrix.parquet")
    assert matrix["init"].to_list() == ["pretrained", "scratch"]
    assert matrix["n"].to_list() == [2, 2]
    assert matrix["n_pairs"].iloc[0] == 2
    assert pd.isna(matrix["difference"].iloc[1])
    assert matrix["mean"].between(0, 1).all()
    assert pd.read_csv(results / "matrix.csv").shape == matrix.shape
    lines = (results / "matrix.md").read_text().splitlines()
    assert sum(line.startswith("|") for line in lines) == 4
    for name in (
        "figures/matrix",
        "figures/curves",
        "figures/forest",
        "figures/speed",
        "cards/odd",
    ):
        assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (results / f"{name}.svg").read_text()
    assert (results / RUN.format("scratch").removeprefix("results/") / "curves.parquet").exists()


def test_the_documented_way_to_read_all_predictions_works(
    finished: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "resources/docs/outputs.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    monkeypatch.chdir(finished.folder)
    names: dict[str, Any] = {}
    exec(found.group(1), names)
    predictions = names["predictions"]
    assert set(predictions["init"]) == {"pretrained", "scratch"}
    assert set(predictions["replicate"]) == {0, 1}


def test_two_replicates_are_too_few_for_any_claim(finished: Workspace) -> None:
    results = finished.folder / "results"
    claims = pd.read_parquet(results / "claims.parquet").set_index("claim")
    assert set(claims["verdict"]) == {"undecided"}
    assert claims.loc["better", "reason"] == f"fewer than {LEAST_PAIRS} pairs of replicates"
    matrix = pd.read_parquet(results / "matrix.parquet")
    assert claims.loc["better", "value"] == pytest.approx(matrix["difference"].iloc[0])
    assert claims.loc["better", "qualifier"] == ONE_RATE
    families = pd.read_parquet(results / "evidence/families.parquet").set_index("claim")
    assert families.loc["better", ["tasks", "pairs"]].tolist() == [1, 2]
    assert ONE_RATE in (results / "claims.md").read_text()
    assert {tuple(counts) for counts in read_json(results / "evidence/looks.json").values()} == {
        (2,)
    }


def test_the_commands_of_the_report_keep_the_settings_of_the_run(
    finished: Workspace, tmp_path: Path
) -> None:
    again = finished.copy(tmp_path / "again")
    setting = f"tasks=[{', '.join(again.config['tasks'])}]"
    assert again.planned("--config", setting) == {"write_report": 1}
    result = again.run("--config", setting)
    assert result.returncode == 0, result.stderr
    command = ["snakemake", "--cores", "all", "--configfile", "experiment.yaml",
               "--replace-workflow-config", "--config", setting, "replicates=5"]  # fmt: skip
    page = html.unescape((again.folder / "results/report.html").read_text(encoding="utf-8"))
    assert shlex.join(command) in page


def test_every_job_left_a_log(finished: Workspace) -> None:
    logs = {path.parent.name for path in (finished.folder / "results/logs").rglob("*.log")}
    assert {"raw", "models", "prepare", "tokenize", "vocabulary", "finetune", "evaluate",
            "figures", "logs"} <= logs  # fmt: skip
    assert "dev accuracy" in finished.log("scratch")


def test_a_second_run_has_nothing_to_do(finished: Workspace) -> None:
    result = finished.run("--resources", "gpu=4")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_deleting_one_result_reruns_that_condition_and_what_follows(workspace: Workspace) -> None:
    before = workspace.read("scratch", "predictions.parquet")
    shutil.rmtree(workspace.folder / RUN.format("scratch"))
    assert workspace.planned() == dict.fromkeys(["finetune", *AFTERWARDS], 1)
    assert workspace.run("--until=finetune").returncode == 0
    assert "already finished" not in workspace.log("scratch")  # its folder was gone
    assert workspace.read("scratch", "predictions.parquet") == before
    assert "finetune" not in workspace.planned()


def test_more_replicates_train_only_the_new_ones(workspace: Workspace) -> None:
    before = pd.read_parquet(workspace.folder / RUN.format("scratch") / "predictions.parquet")
    workspace.config |= {"replicates": 3, "initialisations": ["scratch"]}
    assert "prepare_records" not in workspace.planned()
    assert workspace.run("--until=finetune").returncode == 0
    log = workspace.log("scratch")
    assert log.count("already finished") == 2
    assert log.count("training rows") == 1
    after = pd.read_parquet(workspace.folder / RUN.format("scratch") / "predictions.parquet")
    same = after[after["replicate"] < 2].reset_index(drop=True)
    assert same["logits"].map(tuple).equals(before["logits"].map(tuple))


def test_a_changed_value_reruns_what_depends_on_it_and_nothing_else(workspace: Workspace) -> None:
    training = {"finetune", *AFTERWARDS}
    workspace.config["recipes"]["tiny"]["learning_rate"] = 0.002
    assert set(workspace.planned()) == training
    workspace.config["recipes"]["tiny"]["learning_rate"] = 0.003
    assert workspace.planned() == {}
    odd = workspace.config["datasets"]["odd"]
    odd["max_length"] = 20
    # The card says how much of the records is read.
    remade = {"tokenize_records", "map_vocabulary", "card_figure"}
    assert set(workspace.planned()) == training | remade
    odd["max_length"] = 40
    odd["metric"] = "mcc"
    assert set(workspace.planned()) == training | {"find_shortcuts", "card_figure"}
    odd["metric"] = "accuracy"
    workspace.config["seed"] = 2
    assert "fetch_data" not in workspace.planned()
    assert {"prepare_records", "map_vocabulary"} <= set(workspace.planned())


def test_a_new_task_model_or_arm_computes_only_what_is_new(
    workspace: Workspace, checkpoint: Callable[[str], Path]
) -> None:
    workspace.config["datasets"]["other"] = json.loads(
        json.dumps(workspace.config["datasets"]["odd"])
    )
    workspace.config["tasks"].append("other")
    planned = workspace.planned()
    assert (planned["finetune"], planned["prepare_records"], planned["fetch_data"]) == (2, 1, 1)
    workspace.config["tasks"].remove("other")
    source = {"kind": "path", "path": str(checkpoint("distilbert"))}
    workspace.config["checkpoints"]["another"] = {"source": source}
    workspace.config["models"].append("another")
    planned = workspace.planned()
    assert (planned["finetune"], planned["fetch_model"]) == (2, 1)
    assert "prepare_records" not in planned


def test_a_failed_condition_stops_no_other_and_alone_is_rerun(
    prepared: Workspace, tmp_path: Path
) -> None:
    workspace = prepared.copy(tmp_path / "run")
    broken = workspace.folder / "broken"
    shutil.copytree(prepared.config["checkpoints"]["small"]["source"]["path"], broken)
    weights = load_file(broken / "model.safetensors")
    del weights["bert.encoder.layer.0.output.dense.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    workspace.config["models"] = ["broken"]
    workspace.config["checkpoints"]["broken"] = {"source": {"kind": "path", "path": str(broken)}}
    result = workspace.run("--until=finetune")
    assert result.returncode != 0
    assert "lacks 1 of the encoder's tensors" in result.stdout + result.stderr
    log = workspace.folder / "results/logs/finetune/odd,broken,pretrained,random,1,tiny.log"
    assert "Traceback" not in log.read_text()
    scratch = RUN.replace("small", "broken").format("scratch")
    assert (workspace.folder / scratch / "predictions.parquet").exists(), "the others went on"
    planned = workspace.planned()
    assert (planned["finetune"], planned["evaluate"]) == (1, 1)


def test_a_condition_that_diverges_is_a_result_like_any_other(workspace: Workspace) -> None:
    workspace.config["initialisations"] = ["scratch"]
    workspace.config["recipes"] = {"tiny": {
        "learning_rate": 0.99, "batch_size": 8, "steps": 12, "evaluations": 1,
        "precision": "fp32", "schedule": "constant", "weight_decay": 1000,
    }}  # fmt: skip
    result = workspace.run("--until=evidence")
    assert result.returncode == 0, result.stderr
    assert "replicate 1 of 2: DIVERGED at step" in result.stdout + result.stderr
    assert "lower learning_rate" in workspace.log("scratch")
    matrix = pd.read_parquet(workspace.folder / "results/matrix.parquet")
    assert list(matrix["diverged"]) == [2]
    assert list(matrix["n"]) == [0]
    assert not {"finetune", "evidence"} & set(workspace.planned())


def long_workspace(folder: Path, prepared: Workspace) -> Workspace:
    """One condition that trains for some seconds."""
    workspace = prepared.copy(folder)
    workspace.config["initialisations"] = ["scratch"]
    workspace.config["recipes"]["tiny"]["steps"] = 900
    return workspace


@pytest.fixture(scope="module")
def undisturbed(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The predictions of the long condition, trained in one go."""
    workspace = long_workspace(tmp_path_factory.mktemp("undisturbed") / "run", prepared)
    assert workspace.run("--until=finetune").returncode == 0
    return workspace.read("scratch", "predictions.parquet")


def test_a_job_told_to_leave_is_retried_and_goes_on_where_it_was(
    prepared: Workspace, undisturbed: bytes, tmp_path: Path
) -> None:
    """SIGTERM to one training process, as a scheduler sends it; Snakemake is not told."""
    workspace = long_workspace(tmp_path / "run", prepared)
    process = subprocess.Popen(
        workspace.command("--until=finetune"), cwd=workspace.folder, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    training_process(process.pid, workspace).terminate()
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "received SIGTERM: replicate 1 of 2 saved at step" in said
    assert "replicate 1 of 2: resumed at step" in workspace.log("scratch")
    assert workspace.read("scratch", "predictions.parquet") == undisturbed


def test_ctrl_c_saves_and_the_same_command_goes_on(
    prepared: Workspace, undisturbed: bytes, tmp_path: Path
) -> None:
    workspace = long_workspace(tmp_path / "run", prepared)
    process = subprocess.Popen(
        workspace.command("--until=finetune"), cwd=workspace.folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=heed_signals,
    )  # fmt: skip
    training_process(process.pid, workspace)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert "received SIGINT: replicate 1 of 2 saved at step" in workspace.log("scratch")
    again = workspace.run("--until=finetune")
    assert again.returncode == 0, "no lock is left, nothing to unlock"
    assert "replicate 1 of 2: resumed at step" in workspace.log("scratch")
    assert workspace.read("scratch", "predictions.parquet") == undisturbed


def test_asking_for_all_models_later_trains_the_arm_without_them_again(
    workspace: Workspace,
) -> None:
    kept = {path.parent for path in (workspace.folder / "results/runs").rglob("models/replicate-*")}
    assert len(kept) == 1
    workspace.config["keep_models"] = True
    planned = workspace.planned()
    assert (planned["finetune"], planned["evaluate"]) == (1, 1)


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(
    prepared: Workspace, finished: Workspace, tmp_path: Path
) -> None:
    """SIGKILL in mid-training; finished replicates are kept, the rest is trained again."""
    killed = prepared.copy(tmp_path / "killed")
    killed.config["initialisations"] = ["scratch"]
    process = subprocess.Popen(
        killed.command("--until=finetune"), cwd=killed.folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    runs = killed.folder / "results/runs"
    deadline = time.monotonic() + 120
    while not list(runs.rglob("0-*.predictions.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(runs.rglob("0-*.predictions.parquet"))
    assert list((killed.folder / ".snakemake/locks").iterdir()), "Snakemake's own lock is left"
    planned = killed.run("--dry-run", "--until=finetune")
    assert "cannot be locked" not in planned.stdout + planned.stderr
    resumed = killed.run("--until=finetune")
    assert resumed.returncode == 0, resumed.stderr
    assert "already finished" in killed.log("scratch")
    assert killed.read("scratch", "predictions.parquet") == finished.read(
        "scratch", "predictions.parquet"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ["od"]}, "did you mean 'odd'?"),
        ({}, "'own data.csv' does not exist"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(
    finished: Workspace, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """In a folder without the data."""
    result = Workspace(tmp_path, {**finished.config, **change}).run("--dry-run")
    assert result.returncode != 0
    assert message in result.stdout + result.stderr


def test_a_wrong_variable_is_named_before_anything_runs(
    finished: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYMATH_CHECKPOINT_SECONDS", "a minute")
    result = finished.run("--dry-run")
    assert result.returncode != 0
    assert "POLYMATH_CHECKPOINT_SECONDS=a minute" in result.stdout + result.stderr


def test_a_wrong_residue_ends_with_file_row_and_remedy(workspace: Workspace) -> None:
    own = workspace.folder / "own data.csv"
    lines = write_dna_csv(own, rows=130).read_text().splitlines()
    own.write_text("\n".join([*lines[:5], "ACGX,even", *lines[5:]]) + "\n")
    result = workspace.run("--until=prepare_records")
    assert result.returncode != 0
    assert "own data.csv: line 6: symbol 'X' at position 4" in result.stdout + result.stderr


def test_the_snakemake_report_is_made_and_holds_the_figures(finished: Workspace) -> None:
    result = finished.run("--report", "report.html")
    assert result.returncode == 0, result.stderr
    report = (finished.folder / "report.html").read_text()
    for name in ("matrix", "curves", "forest"):
        assert FIGURES[name].caption.partition(".")[0] in report


def test_lint_is_clean(finished: Workspace) -> None:
    result = finished.run("--lint")
    assert result.returncode == 0, result.stderr
    assert "good condition" in result.stdout + result.stderr
