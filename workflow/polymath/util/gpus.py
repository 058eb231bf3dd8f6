"""Count GPUs, check that Snakemake's options fit them, and find the folder of their locks.

Without torch, so that a mistake is an error before anything starts. NVIDIA's devices only.
"""

import os
import platform
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from polymath.util.errors import PolymathError
from polymath.util.runtime import CONDITIONS_PER_GPU
from polymath.util.user_folders import expand_home, is_private


def named_gpus() -> list[str] | None:
    """Return the devices in CUDA_VISIBLE_DEVICES; None if it is not set.

    As to CUDA, what follows an invalid one, as in `0,-1,1`, is hidden.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    devices = (device.strip() for device in named.split(","))
    return [*takewhile(lambda device: device and not device.startswith("-"), devices)]


def count_gpus(devices: Path = Path("/dev")) -> int:
    """Return how many GPUs jobs may use: those named, else those that the driver shows."""
    named = named_gpus()
    if named is not None:
        return len(named)
    return sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in devices.iterdir())


def lock_folder(log: Callable[[str], None]) -> Path:
    """Return the folder of this machine's GPU locks, made if need be, which is this user's alone.

    Any local user can make a folder of the expected name in the temporary folder, with links in it;
    such a one is logged and passed over. In a SLURM allocation, whose GPUs have numbers of their
    own, the folder is that job's.

    Raises:
        PolymathError: if none of the places is safe.
    """
    job = os.environ.get("SLURM_JOB_ID")
    name = f"polymath-gpus-{os.getuid()}" + (f"-{job}" if job else "")
    folders = [Path(tempfile.gettempdir(), name)]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        folders.append(Path(runtime, name))
    # A home may be shared by several machines.
    with suppress(PolymathError):  # without a home
        folders.append(expand_home("~/.cache") / f"{name}-{platform.node()}")
    for folder in folders:
        if is_private(folder):
            # Whoever can open a lock can hold it, and stop all jobs.
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
            return folder
        log(f"{folder} is not a folder of your own that only you can write to: not used for locks")
    raise PolymathError(
        f"{folders[0]}: not a folder of your own that only you can write to: set TMPDIR to one"
    )


def describe_gpus(gpus: int, requested: int | None, cores: int, per_gpu: int) -> str:
    """Return how conditions will share this machine's GPUs.

    Args:
        gpus: number of GPUs.
        requested: Snakemake's `--resources gpu=N`; None without it.
        cores: Snakemake's `--cores`.
        per_gpu: conditions that may share a GPU.

    Raises:
        PolymathError: if `requested` exceeds the conditions that the GPUs take at once.
    """
    places = gpus * per_gpu
    wanted = requested or cores
    if not gpus:
        return f"no GPU found: {min(wanted, cores)} conditions at once train on the CPU"
    if requested is not None and requested > places:
        raise PolymathError(
            f"--resources gpu={requested}: {gpus} GPUs found, and {CONDITIONS_PER_GPU} is "
            f"{per_gpu}: use gpu={places}, or raise {CONDITIONS_PER_GPU}"
        )
    if requested is None and cores > places:
        return (
            f"{gpus} GPUs found: add --resources gpu={places}, otherwise waiting jobs occupy CPU "
            "cores"
        )
    if cores < wanted:
        return f"{gpus} GPUs found: {cores} conditions at once; raise --cores for more"
    return f"{gpus} GPUs found: {wanted} conditions at once"
