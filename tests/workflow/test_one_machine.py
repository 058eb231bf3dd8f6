"""One machine: devices, a lost terminal, a full disk, slow files."""

import errno
import os
import pty
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
import yaml

from polymath.util.storage import read_metadata, read_table
from support import ROOT
from support.workspace import RUN, Workspace, heed_signals, training_process


@pytest.fixture
def workspace(tmp_path: Path, prepared: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One condition of one replicate, which trains for some seconds."""
    monkeypatch.setenv("POLYMATH_CHECKPOINT_SECONDS", "0.5")
    workspace = prepared.copy(tmp_path / "run")
    workspace.config["recipes"]["tiny"]["steps"] = 900
    workspace.config |= {"initialisations": ["scratch"], "replicates": 1}
    return workspace


def with_devices(workspace: Workspace, devices: str, *arguments: str) -> tuple[int, str]:
    """Run with pretend devices; return the exit status and the output."""
    folder = str(workspace.folder)
    result = workspace.run(*arguments, CUDA_VISIBLE_DEVICES=devices, TMPDIR=folder)
    return result.returncode, result.stdout + result.stderr


def test_more_gpus_than_there_are_are_refused_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = with_devices(workspace, "0,1", "--resources", "gpu=8")
    assert status == 1
    assert "--resources gpu=8: 2 GPUs found" in said
    assert not (workspace.folder / "results/runs").exists(), "nothing was begun"
    monkeypatch.setenv("POLYMATH_CONDITIONS_PER_GPU", "4")
    status, said = with_devices(
        workspace, "0,1", "--resources", "gpu=8", "--until", "fetch_data", "--forceall"
    )
    assert status == 0, said
    assert "2 GPUs found: 2 conditions at once; raise --cores" in said


def test_conditions_at_once_are_on_devices_of_their_own(workspace: Workspace) -> None:
    workspace.config["initialisations"] = ["scratch", "pretrained"]
    workspace.config["recipes"]["tiny"]["steps"] = 50
    status, said = with_devices(workspace, "5,7", "--resources=gpu=2", "--until=finetune")
    assert status == 0, said
    assert "2 GPUs found: 2 conditions at once" in said
    line = re.search(r"wall time \d+\.\d min, \d+% of it with training.* at once on average", said)
    assert line is not None
    assert (workspace.folder / "results/logs/run.txt").read_text() == f"{line.group()}\n"
    assert {re.findall(r"took GPU (\d)", workspace.log(init))[0]
            for init in ("scratch", "pretrained")} == {"5", "7"}  # fmt: skip


def test_the_same_command_works_without_a_gpu_and_says_so(workspace: Workspace) -> None:
    workspace.config["recipes"]["tiny"]["steps"] = 5
    status, said = with_devices(
        workspace, "", "--resources=gpu=4", "--set-threads=finetune=2", "--until=finetune"
    )
    assert status == 0, said
    assert "no GPU found: 2 conditions at once train on the CPU" in said
    stored = read_metadata(workspace.folder / RUN.format("scratch") / "predictions.parquet")
    assert stored["threads"] == 2, "those that Snakemake granted"


def test_hostile_names_of_files_and_labels_reach_no_shell(workspace: Workspace) -> None:
    hostile = "a 'b' \"c\"\n$(touch pwned) ünï; `touch pwned`"
    own = workspace.folder / "own data.csv"
    own.write_text(own.read_text().replace(",even", ',"$(touch pwned) ""ü"" ../x"'))
    own.rename(workspace.folder / f"{hostile}.csv")
    workspace.config["datasets"]["odd"]["source"]["path"] = f"{hostile}.csv"
    workspace.config["recipes"]["tiny"]["steps"] = 2
    workspace.config["results"] = "the ünï results"
    result = workspace.run("--until=finetune")
    assert result.returncode == 0, result.stderr
    assert not list(workspace.folder.rglob("pwned"))
    path = workspace.folder / RUN.format("scratch").replace("results", "the ünï results", 1)
    assert set(read_table(path / "predictions.parquet")["label"]) == {
        '$(touch pwned) "ü" ../x', "odd"
    }  # fmt: skip


def test_a_lost_terminal_leaves_a_state_from_which_the_same_command_goes_on(
    workspace: Workspace,
) -> None:
    command = shlex.join(workspace.command())
    shell = ["sh", "-c", f"cd {shlex.quote(str(workspace.folder))}; {command}; true"]
    child, terminal = pty.fork()
    if child == 0:  # the leader of a session of its own, whose terminal this is
        heed_signals()
        os.execv("/bin/sh", shell)
    reader = subprocess.Popen(["cat"], stdin=terminal, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    training = training_process(child, workspace)
    (snakemake,) = psutil.Process(child).children()
    reader.kill()
    reader.wait()
    os.close(terminal)
    os.waitpid(child, 0)
    psutil.wait_procs([training, snakemake], timeout=60)
    assert re.search(r"received SIG(HUP|INT): replicate 1 of 1 saved", workspace.log("scratch"))
    again = workspace.run("--until", "finetune")
    assert again.returncode == 0, "no lock is left, nothing to unlock"
    assert "replicate 1 of 1: resumed at step" in workspace.log("scratch")


FULL = r"""
cp --archive results prepared
mount -t tmpfs -o size=8m tmpfs results
cp --archive prepared/. results
dd if=/dev/zero of=results/filler bs=1k
truncate -s -200K results/filler
"$@" --until finetune
echo "while it is full: $?"
rm results/filler
"$@" --until finetune
echo "with room: $?"
"""


@pytest.mark.full
def test_a_full_disk_is_named_and_the_same_command_goes_on_when_there_is_room(
    workspace: Workspace,
) -> None:
    """Results lie on a file system of their own, which something else has filled."""
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", FULL, "sh", *workspace.command()],
        cwd=workspace.folder, text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    before, _, after = result.stdout.partition("while it is full: 1\n")
    assert os.strerror(errno.ENOSPC) in before
    assert "run the same command again" in before
    assert "Traceback" not in before
    assert after.endswith("with room: 0\n"), result.stdout


# In jobs, results stand under another name for a while.
LATE = """
import os, pathlib, subprocess
replace = pathlib.Path.replace
def late(self, target):
    target = pathlib.Path(target)
    if target.name not in ("predictions.parquet", "curves.parquet"):
        return replace(self, target)
    aside = replace(self, target.with_name(f".{target.name}.late"))
    wait = 'while kill -0 "$0"; do sleep 0.1; done 2>/dev/null; sleep 4; mv "$1" "$2"'
    subprocess.Popen(["sh", "-c", wait, str(os.getpid()), aside, target])
    return target
pathlib.Path.replace = late
"""


@pytest.mark.full
def test_files_that_appear_late_are_waited_for(workspace: Workspace) -> None:
    """As on a shared file system whose other clients see a new file after some seconds."""
    workspace.config["recipes"]["tiny"]["steps"] = 5
    said = []
    for arguments in (["--latency-wait=1"], ["--latency-wait=30", "--forcerun=finetune"]):
        result = workspace.run("--until=finetune", *arguments, first=LATE)
        said.append(result.stderr)
    assert result.returncode == 0, said[1]
    assert "after 1 seconds. This might be due to filesystem latency" in said[0]
    assert "Trying to restart" in said[0], "tried again, where the replicates were found finished"
    assert "Trying to restart" not in said[1]
    assert all("replicate 1 of 1: already finished" in text for text in said)


# A job of these stages goes on only once a second one of its stage has begun.
MEETING = """
import os, pathlib, sys, time
for stage in ("prepare_records", "tokenize_records"):
    if sys.argv[0].endswith(f".{stage}.py"):
        pathlib.Path(f"{stage}.{os.getpid()}.here").touch()
        end = time.monotonic() + 120
        while len(list(pathlib.Path().glob(f"{stage}.*.here"))) < 2:
            if time.monotonic() > end:
                os._exit(1)
            time.sleep(0.05)
"""


def test_stages_of_data_run_side_by_side_for_two_tasks(workspace: Workspace) -> None:
    """One after the other, the first job would wait for the second in vain."""
    shutil.rmtree(workspace.folder / "results")
    workspace.config["datasets"]["other"] = workspace.config["datasets"]["odd"]
    workspace.config["tasks"] = ["odd", "other"]
    result = workspace.run("--until=tokenize_records", first=MEETING)
    assert result.returncode == 0, result.stderr
    met = sorted(path.name.partition(".")[0] for path in workspace.folder.glob("*.here"))
    assert met == ["prepare_records"] * 2 + ["tokenize_records"] * 2


def test_the_profile_for_clusters_waits_longer_than_a_file_takes() -> None:
    profile = (ROOT / "workflow/profiles/slurm/config.v8+.yaml").read_text()
    assert yaml.safe_load(profile)["latency-wait"] >= 60
