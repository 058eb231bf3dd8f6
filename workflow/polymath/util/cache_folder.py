"""The folder of what is kept once per machine and user, beside all results."""

import os
from collections.abc import Callable
from pathlib import Path

from polymath.util.errors import PolymathError
from polymath.util.home import expand_home
from polymath.util.private_folder import is_private


def cache_folder(log: Callable[[str], None]) -> Path | None:
    """Return `polymath` in XDG_CACHE_HOME or ~/.cache; None, which is logged, if it is not safe."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        home = named if named.is_absolute() else expand_home("~/.cache")
    except PolymathError as error:
        log(f"nothing is cached: {error}")
        return None
    folder = home / "polymath"
    if not is_private(folder):
        log(f"{folder} is not a folder that only you can write to: nothing is cached there")
        return None
    return folder
