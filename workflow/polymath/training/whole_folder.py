"""Folders of trained models, which appear under their name whole, with checksums of their files.

Formats of weights have no checksums of their own.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polymath.util.errors import DamagedError
from polymath.util.storage import flush, read_json, sha256_of, write_sealed_json

CHECKSUMS = ".checksums.json"  # in the folder, by name


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield the path of a folder to write; rename it to `folder` if the block succeeds.

    Bytes reach the disk before the name does, as those of a single file do.
    """
    unfinished = folder.with_suffix(".unfinished")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    yield unfinished
    files = sorted(path for path in unfinished.iterdir() if path.is_file())
    for path in files:
        flush(path)
    write_sealed_json({path.name: sha256_of(path) for path in files}, unfinished / CHECKSUMS)
    unfinished.rename(folder)
    flush(folder.parent)


def require_intact(folder: Path, made_with: Path | None = None) -> None:
    """Refuse a folder that is not as it was written; without checksums it is taken as it is.

    Args:
        made_with: what stands for the folder in the workflow; by default the folder itself.

    Raises:
        DamagedError: naming the file.
    """
    checksums = folder / CHECKSUMS
    if not checksums.is_file():
        return
    result = made_with or folder
    try:
        stated = read_json(checksums)
    except DamagedError as error:
        raise DamagedError(checksums, error.reason, result) from None
    for name, sha256 in stated.items():
        path = folder / name
        if not path.is_file():
            raise DamagedError(path, "missing", result)
        if sha256_of(path) != sha256:
            raise DamagedError(path, f"its SHA-256 is not {sha256}", result)
