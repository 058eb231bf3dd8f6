"""A SLURM cluster of one node with pretend GPUs, and an experiment that runs on it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from support import ROOT
from support.workspace import write_config

HERE = Path(__file__).parent
GPUS = 4
RESULTS = "the ünï results; (all)"  # one word to every shell on the way


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180) -> Any:
    """Return what `condition` returns once that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)
    return found


def free_port() -> int:
    """Return the first of three neighbouring ports that nobody listens on."""
    for port in range(16817, 20000, 3):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for number in range(port, port + 3):
                stack.enter_context(socket.create_server(("127.0.0.1", number)))
            return port
    raise AssertionError("no port is free")


@dataclass(frozen=True)
class Cluster:
    """The cluster whose state lies in `folder`."""

    folder: Path
    accounting: bool = False
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        """What SLURM's commands need to find it."""
        return {
            **{name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"},
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}:/usr/sbin",
        }

    def start(self) -> None:
        """Start the daemons that do not run."""
        settings = {"GPUS": str(GPUS), "CPUS": "8", "MEM": "64000", "PORT": str(self.port),
                    "ACCOUNTING": str(int(self.accounting))}  # fmt: skip
        # Daemons keep what they inherit: no pipe, or its reader would wait for them.
        with (self.folder.with_suffix(".log")).open("a") as log:
            subprocess.run(
                [HERE / "start-cluster.sh", self.folder], env={**os.environ, **settings},
                check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self) -> None:
        """Cancel all jobs and stop the daemons."""
        subprocess.run([HERE / "stop-cluster.sh", self.folder], check=True)

    def run(self, *command: str) -> str:
        """Run one of SLURM's commands."""
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{command}: {result.stderr}"
        return result.stdout.strip()

    def kill(self, daemon: str) -> None:
        """SIGKILL to one of the daemons."""
        process = psutil.Process(int((self.folder / f"run/{daemon}.pid").read_text()))
        process.kill()
        process.wait()

    def crash_controller(self) -> None:
        """SIGKILL to the controller, once it has saved what it knows.

        It saves its state up to five seconds after a change. One that forgets a job that it has
        just started launches it twice, and SLURM drains the node: so no job starts meanwhile.
        """
        self._open_partition("DOWN")
        time.sleep(6)
        self.kill("slurmctld")

    def restart_controller(self) -> None:
        """Start the controller again, which starts jobs again."""
        self.start()
        self._open_partition("UP")

    def _open_partition(self, state: str) -> None:
        self.run("scontrol", "update", "PartitionName=gpu", f"State={state}")

    @property
    def node(self) -> str:
        """The name of the one node."""
        return self.run("sinfo", "-h", "-N", "-o", "%N").split()[0]

    def cut_power(self) -> None:
        """End everything on the node at once: its daemon and all processes of jobs."""
        self.kill("slurmd")
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "slurmstepd" or self.owns(process):
                    process.kill()

    def owns(self, process: psutil.Process) -> bool:
        """Whether a process belongs to one of this cluster's jobs."""
        environment = process.environ()
        return (
            environment.get("SLURM_CONF") == str(self.folder / "etc/slurm.conf")
            and "SLURM_JOB_ID" in environment
        )


@dataclass(frozen=True)
class Training:
    """A process that trains a condition under SLURM."""

    process: psutil.Process
    job: str
    device: str
    recipe: str


def logged_recipe(process: psutil.Process) -> str | None:
    """Return the recipe that a process trains with, by the name of the log that it writes."""
    logs = [file.path for file in process.open_files() if file.path.endswith(".log")]
    return Path(logs[0]).stem.rpartition(",")[2] if logs else None


@dataclass
class Submitted:
    """An experiment of one task whose conditions differ in their recipes, and a Snakemake that
    runs it on a cluster."""

    cluster: Cluster
    folder: Path
    config: dict[str, Any]
    checkpoint_seconds: float = 60
    """Time between checkpoints: a short one, so that what trains is held soon."""
    snakemake: subprocess.Popen[bytes] | None = None
    at_once: list[list[Training]] = field(default_factory=list)
    """What trained at each look, as the watcher saw it."""
    held: dict[str, Training] = field(default_factory=dict)
    """By recipe, the first process that trained it: stopped once it had a checkpoint."""

    def command(self, *arguments: str) -> list[str]:
        """Return the documented command, impatient as tests are."""
        write_config(self.config, self.folder / "experiment.yaml")
        return [
            str(Path(sys.executable).with_name("snakemake")),
            f"--snakefile={ROOT / 'Snakefile'}",
            f"--profile={ROOT / 'workflow/profiles/slurm'}",
            "--configfile=experiment.yaml", "--replace-workflow-config",
            f"--slurm-logdir={RESULTS}/logs/slurm",
            "--slurm-init-seconds-before-status-checks=2", "--latency-wait=10",
            *arguments,
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """The cluster's, and how often jobs save their progress."""
        seconds = str(self.checkpoint_seconds)
        return {**self.cluster.environment, "POLYMATH_CHECKPOINT_SECONDS": seconds}

    def start(self, *arguments: str) -> None:
        """Start Snakemake; what it says goes to snakemake.log."""
        with (self.folder / "snakemake.log").open("a") as log:
            self.snakemake = subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=self.environment, stdout=log,
                stderr=log,
            )  # fmt: skip
        threading.Thread(target=self._watch, daemon=True).start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, check=False,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait(self, seconds: float) -> int:
        """Wait for Snakemake's end; return its exit status."""
        assert self.snakemake is not None
        return self.snakemake.wait(seconds)

    @property
    def said(self) -> str:
        """What Snakemake has said so far."""
        return (self.folder / "snakemake.log").read_text()

    def training(self) -> list[Training]:
        """Return what trains now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if not any(part.endswith(".finetune.py") for part in process.cmdline()):
                    continue
                if self.cluster.owns(process) and not process.children():
                    environment = process.environ()
                    job = environment["SLURM_JOB_ID"]
                    device = environment["CUDA_VISIBLE_DEVICES"]
                    recipe = logged_recipe(process)
                    if recipe is not None:
                        found.append(Training(process, job, device, recipe))
        return found

    def run_folder(self, recipe: str, model: str = "small", init: str = "scratch") -> Path:
        """Return where a condition's results lie."""
        path = f"task=odd/model={model}/init={init}/mapping=random/fraction=1/recipe={recipe}"
        return self.folder / RESULTS / "runs" / path

    def saved_step(self, recipe: str) -> int:
        """Return the step of a condition's last checkpoint, 0 if it has none."""
        found = self.run_folder(recipe).glob(".replicates/[!.]*.step-*.json")
        return max((int(path.stem.rpartition("-")[2]) for path in found), default=0)

    def log(self, recipe: str) -> str:
        """Return the log of a condition's last attempt."""
        name = f"odd,small,scratch,random,1,{recipe}.log"
        return (self.folder / RESULTS / "logs/finetune" / name).read_text()

    def _hold(self, training: list[Training]) -> None:
        """Stop whatever trains for the first time and has a checkpoint: it waits for its fault."""
        for one in training:
            if one.recipe not in self.held and self.saved_step(one.recipe):
                with contextlib.suppress(psutil.Error):
                    one.process.send_signal(signal.SIGSTOP)
                    self.held[one.recipe] = one

    def _watch(self) -> None:
        assert self.snakemake is not None
        while self.snakemake.poll() is None:
            training = self.training()
            self.at_once.append(training)
            self._hold(training)
            time.sleep(0.2)
