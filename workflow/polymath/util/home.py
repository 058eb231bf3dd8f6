"""The user's home folder, which a container or a batch job may not have."""

from pathlib import Path

from polymath.util.errors import PolymathError


def expand_home(written: str) -> Path:
    """Return a path with `~` and `~user` replaced by that user's home folder.

    Raises:
        PolymathError: if that folder is not known.
    """
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise PolymathError(
            f"'{written}': the home folder that '~' stands for is not known: write the whole path"
        ) from None
