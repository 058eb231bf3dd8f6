"""Folders that only this user can write to, in places where other users may be."""

import os
import stat
from pathlib import Path


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
