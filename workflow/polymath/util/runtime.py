"""How this machine runs experiments: environment variables, on which no result depends."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polymath.util.errors import PolymathError, suggest
from polymath.util.secrets import PREFIX
from polymath.util.user_folders import expand_home

CHECKPOINT_SECONDS = "POLYMATH_CHECKPOINT_SECONDS"
CONDITIONS_PER_GPU = "POLYMATH_CONDITIONS_PER_GPU"
LOCK = "POLYMATH_LOCK"
OF_TESTS = "POLYMATH_DATA"  # the folder of the data that tests of real data read
VARIABLES = (CHECKPOINT_SECONDS, CONDITIONS_PER_GPU, LOCK, OF_TESTS)


@dataclass(frozen=True)
class Runtime:
    """The settings, with the values that hold where a variable is not set."""

    checkpoint_seconds: float = 60.0
    """Between two checkpoints of a replicate."""
    conditions_per_gpu: int = 1
    """Conditions that may share one GPU."""
    lock: Path = Path("polymath.lock.json")
    """The file of checksums recorded at the first fetch."""


def read_runtime(environment: Mapping[str, str] = os.environ) -> Runtime:
    """Read the settings from the environment.

    Raises:
        PolymathError: naming the variable, its value and what it must be.
    """
    for name in environment:
        if name.startswith("POLYMATH_") and not name.startswith(PREFIX) and name not in VARIABLES:
            raise PolymathError(f"{name}: no such setting: {suggest(name, VARIABLES)}")
    default = Runtime()
    return Runtime(
        _positive(environment, CHECKPOINT_SECONDS, default.checkpoint_seconds),
        int(_positive(environment, CONDITIONS_PER_GPU, default.conditions_per_gpu, whole=True)),
        _file(environment, LOCK, default.lock),
    )


def _file(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    text = environment.get(variable, "").strip()
    path = expand_home(text) if text else default
    if path.is_dir() or any(above.exists() and not above.is_dir() for above in path.parents):
        raise PolymathError(f"{variable}={text}: set it to a file in a folder, or unset it")
    return path


def _positive(
    environment: Mapping[str, str], variable: str, default: float, whole: bool = False
) -> float:
    text = environment.get(variable)
    if not text:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        kind = "whole number" if whole else "number"
        raise PolymathError(f"{variable}={text}: set it to a positive {kind}, or unset it")
    return value
