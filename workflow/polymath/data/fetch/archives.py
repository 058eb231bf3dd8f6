"""Extract members of zip and tar archives, strictly inside a folder.

By hand around zipfile and tarfile: neither extracts by pattern, and zipfile checks no links.
"""

import errno
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from polymath.data.fetch.expansion import copy_stated, refuse_bomb
from polymath.util.errors import PolymathError, suggest

DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, LZMAError, OSError, ValueError,
    OverflowError,
)  # fmt: skip
LONGEST_NAME = 255  # bytes of a file name, on every usual file system


@dataclass(frozen=True)
class Member:
    """A file of an archive, or what stands in its place: a link, a device or a file with holes."""

    name: str
    size: int  # bytes, as the archive says
    is_plain: bool
    read: Callable[[], IO[bytes]]


def extract(archive: Path, title: str, patterns: tuple[str, ...], folder: Path) -> list[Path]:
    """Write the members whose path matches a pattern to `folder`, under their relative paths.

    They appear together, once all are whole.

    Args:
        title: the archive's name in messages.

    Raises:
        PolymathError: if the archive cannot be read, a pattern matches nothing, a chosen member
            would lie outside the folder or is not a plain file, or they are too large together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".extracting-", dir=folder) as scratch,
        _opened(archive, title) as members,
    ):
        chosen = _choose(members, patterns, title)
        for member in chosen:
            _refuse_unsafe(member, title)
        remedy = "take fewer 'members', or extract it yourself and use kind: path"
        total = sum(member.size for member in chosen)
        refuse_bomb(total, archive.stat().st_size, title, remedy)
        _refuse_clashes(chosen, title)
        for member in chosen:
            target = Path(scratch, member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.read() as content, target.open("wb") as copy:
                copy_stated(content, copy, member.size, f"{title}: the member '{member.name}'")
        return [_move(Path(scratch), folder, member.name) for member in chosen]


def _move(scratch: Path, folder: Path, name: str) -> Path:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return (scratch / name).replace(target)


@contextmanager
def _opened(path: Path, title: str) -> Iterator[list[Member]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _zip_members(archive)
        else:
            with tarfile.open(path) as tape:
                yield _tar_members(tape)
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # an error of the disk, not of the archive
        raise PolymathError(
            f"{title}: not a zip or tar archive, or damaged: {error}: check 'url', and leave out "
            "'members' if it is a single file"
        ) from None
    except RuntimeError as error:  # zipfile's, for encrypted members
        raise PolymathError(f"{title}: {error}: extract it yourself and use kind: path") from None


def _zip_members(archive: zipfile.ZipFile) -> list[Member]:
    def is_plain(info: zipfile.ZipInfo) -> bool:
        return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)

    return [
        # orig_filename: ZipFile cuts names short at a zero byte.
        Member(info.orig_filename, info.file_size, is_plain(info), partial(archive.open, info))
        for info in archive.infolist()
        if not info.orig_filename.endswith("/")  # is_dir() fails on a name without a character
    ]


def _tar_members(archive: tarfile.TarFile) -> list[Member]:
    def read(info: tarfile.TarInfo) -> IO[bytes]:
        content = archive.extractfile(info)
        assert content is not None  # a plain file
        return content

    return [
        Member(info.name, info.size, info.isreg() and not info.issparse(), partial(read, info))
        for info in archive.getmembers()
        if not info.isdir()
    ]


def _choose(members: list[Member], patterns: tuple[str, ...], title: str) -> list[Member]:
    by_name = {member.name: member for member in members}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in by_name):
            raise PolymathError(
                f"{title}: no member matches '{pattern}': {_near(pattern, list(by_name))}"
            )
    return [
        by_name[name]
        for name in sorted(by_name)
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _near(pattern: str, names: list[str]) -> str:
    if len(names) <= 10:
        return suggest(pattern, names)
    hint = suggest(pattern, names)
    return hint if hint.startswith("did") else f"it has {len(names)}, as {', '.join(names[:3])}"


def _refuse_unsafe(member: Member, title: str) -> None:
    path = PurePosixPath(member.name)
    if not path.parts or any(len(name.encode()) > LONGEST_NAME for name in path.parts):
        raise PolymathError(
            f"{title}: the name of the member '{member.name[:60]}' is empty, or longer than "
            f"{LONGEST_NAME} bytes: leave it out of 'members'"
        )
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise PolymathError(
            f"{title}: the member '{member.name}' would be written outside its folder: leave it "
            "out of 'members', or do not trust this archive"
        )
    if not member.is_plain:
        raise PolymathError(
            f"{title}: the member '{member.name}' is a link, a device or a file with holes, "
            "not a plain file: leave it out of 'members'"
        )


def _refuse_clashes(members: list[Member], title: str) -> None:
    names = {str(PurePosixPath(member.name)) for member in members}
    for name in sorted(names):
        for folder in map(str, PurePosixPath(name).parents):
            if folder in names:
                raise PolymathError(
                    f"{title}: '{folder}' is both a file and a folder: leave one out of 'members'"
                )
