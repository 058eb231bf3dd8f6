"""Folders of the user's own: the home, one that only the user can write to, and the cache."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from polymath.util.errors import PolymathError


def expand_home(written: str) -> Path:
    """Return a path with `~` and `~user` replaced by that user's home folder.

    Raises:
        PolymathError: if that folder is not known, as in a container or a batch job.
    """
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise PolymathError(
            f"'{written}': the home folder that '~' stands for is not known: write the whole path"
        ) from None


def is_private(folder: Path) -> bool:
    """Make the folder if it does not exist; return whether only this user can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()  # of a link itself
    except OSError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.getuid()
        and not status.st_mode & others
        and os.access(folder, os.W_OK | os.X_OK)
    )


def cache_folder(log: Callable[[str], None]) -> Path | None:
    """Return the folder of what is kept once per machine and user, beside all results.

    It is `polymath` in XDG_CACHE_HOME or ~/.cache; None, which is logged, if that is not safe.
    """
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
