"""How many GPUs there are, and whether what was asked of Snakemake fits them.

Without torch, so that a mistake is named before anything starts. NVIDIA's devices only.
"""

import os
import re
from pathlib import Path

from polymath.util.errors import PolymathError


def named_gpus() -> list[str] | None:
    """Return the devices in CUDA_VISIBLE_DEVICES; None if it is not set."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    return [device.strip() for device in named.split(",") if device.strip() not in ("", "-1")]


def count_gpus(devices: Path = Path("/dev")) -> int:
    """Return how many GPUs jobs may use: those named, else those that the driver shows."""
    named = named_gpus()
    if named is not None:
        return len(named)
    return sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in devices.iterdir())


def describe_gpus(gpus: int, asked: int | None, cores: int, a_gpu: int) -> str:
    """Return how conditions will share the devices of this machine.

    Args:
        gpus: how many there are.
        asked: Snakemake's `--resources gpu=N`; None if it was not given.
        cores: Snakemake's `--cores`.
        a_gpu: how many conditions may share one.

    Raises:
        PolymathError: if more conditions at once are asked for than the GPUs take.
    """
    places = gpus * a_gpu
    wanted = asked or cores
    if not gpus:
        return f"no GPU here: {min(wanted, cores)} conditions at once train on the CPU"
    if asked is not None and asked > places:
        raise PolymathError(
            f"--resources gpu={asked}: there are {gpus} GPUs here, and conditions_per_gpu is "
            f"{a_gpu}: ask for gpu={places}, or raise it"
        )
    if asked is None and cores > places:
        return f"{gpus} GPUs: give --resources gpu={places}, or jobs wait for one and hold a core"
    if cores < wanted:
        return f"{gpus} GPUs: {cores} conditions at once: more need more --cores"
    return f"{gpus} GPUs: {wanted} conditions at once"
