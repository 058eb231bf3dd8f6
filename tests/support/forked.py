"""Run Python in processes that have already imported what takes long to import.

A job of a tiny experiment computes for milliseconds after seconds of importing torch and its like.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache
from multiprocessing.connection import Client, Connection, Listener, wait
from pathlib import Path
from subprocess import CalledProcessError, CompletedProcess
from threading import Lock, Thread
from typing import Any

from support import ROOT

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    [
        "snakemake.cli",
        "snakemake.workflow",
        "polymath.analysis.representations.run",
        "polymath.analysis.trainability.run",
        "polymath.data.records",
        "polymath.data.shortcuts",
        "polymath.evaluation.evidence",
        "polymath.reporting.figures.draw",
        "polymath.training.baselines",
        "polymath.training.finetune",
    ]
)

# Starting a process also looks whether others have ended. Of two threads that read a status at once
# one finds none, which multiprocessing takes for 255.
_ONE_AT_A_TIME = Lock()


def run_forked(
    target: Callable[..., None],
    *arguments: Any,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> CompletedProcess[str]:
    """Call a function in a process of its own; return its exit status and output."""
    with tempfile.TemporaryDirectory() as temporary:
        outputs = [Path(temporary) / name for name in ("stdout", "stderr")]
        environment = dict(os.environ if environment is None else environment)
        process = _start(target, arguments, folder, environment, outputs)
        status = _status(process)
        texts = [output.read_text() for output in outputs]
    return CompletedProcess(arguments, status, *texts)


def run_module(
    module: str, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS`."""
    return run_forked(_run_module, module, *arguments, folder=folder, environment=environment)


def run_script(
    script: Path | str, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run `python SCRIPT ARGUMENTS`."""
    words = (str(script), *arguments)
    return run_forked(_run_script, *words, folder=folder, environment=environment)


def run_snakemake(
    folder: Path,
    arguments: list[str],
    environment: Mapping[str, str] | None = None,
    first: str = "",
) -> CompletedProcess[str]:
    """Run Snakemake in a folder, as its command does; each job is in a process of its own too.

    Args:
        first: a program that each job runs before its script.
    """
    called = (_run_snakemake, _address(), arguments, first)
    return run_forked(*called, folder=folder, environment=environment)


def forking(snakemake: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return a command of Snakemake whose jobs are forked, with all jobs in its process group.

    Args:
        snakemake: the command whose jobs each import for themselves.

    Returns: the command, and its environment.
    """
    path = os.pathsep.join(str(ROOT / name) for name in ("workflow", "tests"))
    command = [sys.executable, "-m", "support.forking_snakemake", *snakemake[1:]]
    return command, {**os.environ, "PYTHONPATH": path}


def be_snakemake(arguments: list[str]) -> None:
    """Run Snakemake in this process; its jobs' processes are in this one's group."""
    _run_snakemake(_address(), arguments, "")


def _start(*call: Any) -> Any:
    process = FORKSERVER.Process(target=_call, args=call)
    with _ONE_AT_A_TIME:
        process.start()
    return process


def _status(process: Any) -> int:
    """Wait for a process to end; return its exit status."""
    wait([process.sentinel])
    with _ONE_AT_A_TIME:
        process.join()
    assert process.exitcode is not None
    return int(process.exitcode)


def _call(
    target: Callable[..., None],
    arguments: tuple[Any, ...],
    folder: Path,
    environment: dict[str, str],
    outputs: list[Path],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in zip((1, 2), outputs, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.chdir(folder)
    target(*arguments)


def _run_module(module: str, *arguments: str) -> None:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_job(path: str, first: str) -> None:
    sys.argv = [path]
    exec(first, {})
    _run_script(path)


def _run_script(path: str, *arguments: str) -> None:
    sys.argv = [path, *arguments]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def _run_snakemake(address: str, arguments: list[str], first: str) -> None:
    from snakemake.benchmark import benchmarked
    from snakemake.cli import main
    from snakemake.script import PythonScript

    outputs = [Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in (1, 2)]

    def execute(script: Any, path: str, edit: bool = False) -> None:
        tmpdir = script.resources["tmpdir"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(script.threads), "TMPDIR": tmpdir}
        with Client(address) as connection:
            connection.send((_run_job, (path, first), Path.cwd(), environment, outputs))
            pid, record = connection.recv(), script.bench_record
            with benchmarked(pid, record) if record else nullcontext():
                status = connection.recv()
        if status:
            raise CalledProcessError(status, path)

    PythonScript.execute_script = execute
    main(arguments)


@cache
def _address() -> str:
    """Where Snakemakes ask for a process per job; what a fork server forked cannot ask it."""
    listener = Listener()

    def answer(connection: Connection) -> None:
        with connection:
            process = _start(*connection.recv())
            connection.send(process.pid)
            connection.send(_status(process))

    def listen() -> None:
        while True:
            Thread(target=answer, args=(listener.accept(),), daemon=True).start()

    Thread(target=listen, daemon=True).start()
    return str(listener.address)
