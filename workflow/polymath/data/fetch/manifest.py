"""The manifest of a data set or model: its raw files, each with its checksum.

Files are checked where they are read. One that this user checked within a day, and whose size,
inode, date and time of the last change (which, unlike the date, no copying program sets) are still
the same, is taken as it is, so that the jobs of a run hash it once.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polymath.util.errors import DamagedError, PolymathError
from polymath.util.identity import contents_digest, relative_names
from polymath.util.storage import (
    read_json,
    sha256_of,
    with_made_from,
    write_json,
    write_sealed_json,
)

CHECKED = ".checked.json"  # beside the manifest: which files were found intact, and when
CHECK_SECONDS = 24 * 3600


@dataclass(frozen=True)
class RawFile:
    """One file: its path relative to the manifest's folder (or absolute, if the user's own)."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Raw files and their provenance. `rejected` names those that could not be made, and why."""

    path: Path
    source: Mapping[str, Any]
    files: tuple[RawFile, ...]
    rejected: tuple[Mapping[str, str], ...] = ()
    own: tuple[RawFile, ...] = ()
    """The user's own files that these were read or converted from."""

    @classmethod
    def of(
        cls,
        path: Path,
        source: Mapping[str, Any],
        files: Iterable[Path],
        rejected: Iterable[Mapping[str, str]] = (),
        own: Iterable[Path] = (),
    ) -> "Manifest":
        """Return the manifest to write at `path`, with the checksums of `files` as they are now."""
        described, own_described = (
            tuple(_describe(file, path.parent) for file in each) for each in (files, own)
        )
        return cls(path, source, described, tuple(rejected), own_described)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read the manifest at `path`.

        Raises:
            PolymathError: if it is missing or damaged.
        """
        stored = read_json(path)
        try:
            files, own = (
                tuple(RawFile(**file) for file in each)
                for each in (stored["files"], stored.get("own", []))
            )
            return cls(path, stored["source"], files, tuple(stored["rejected"]), own)
        except (KeyError, TypeError):
            raise DamagedError(path, "not a manifest") from None

    def write(self) -> None:
        """Write the manifest, beside the files that it lists."""
        content: dict[str, Any] = {"source": self.source, "rejected": self.rejected}
        content["files"] = [asdict(file) for file in self.files]
        content["own"] = [asdict(file) for file in self.own]
        write_sealed_json(with_made_from(content), self.path)

    @property
    def sha256(self) -> str:
        """A digest of all files' names and contents."""
        return contents_digest({"source": self.source, "files": map(asdict, self.files)})

    def locate_all(self) -> list[Path]:
        """Return the paths of all files, whose content is as it was fetched.

        Raises:
            DamagedError: if a file is missing or has another content.
        """
        checks = _Checks.read(self.path.parent / CHECKED)
        paths = [self.path.parent / file.path for file in self.files]
        for path, file in zip(paths, self.files, strict=True):
            if not path.is_file():
                raise DamagedError(path, "missing", self.path)
            if not checks.is_intact(path, file.sha256):
                raise DamagedError(path, f"its SHA-256 is not {file.sha256}", self.path)
        checks.write()
        return paths

    def locate(self, name: str) -> Path:
        """Return the path of the file of that name.

        Raises:
            PolymathError: if there is none, or a file is missing or damaged.
        """
        for path in self.locate_all():
            if path.name == name:
                return path
        raise PolymathError(
            f"{self.path}: no file '{name}' among the source's: add it to the catalogue"
        )


def explain_change(path: Path, source: Mapping[str, Any], own: list[Path]) -> str | None:
    """Return why a source must be fetched again; None if it is as it was, or was never fetched.

    Args:
        source: its description, as it would be fetched now.
        own: the user's own files among it, as they are now.
    """
    if not path.is_file():
        return None
    try:
        manifest = Manifest.read(path)
    except DamagedError as error:
        return f"damaged: {error.reason}"
    if manifest.source != source:
        return "it is of another source"
    # By name and content: a folder may be moved.
    known = relative_names(Path(file.path) for file in manifest.own)
    if known != relative_names(file.resolve() for file in own):
        return "your files have other names, or are more or fewer"
    checks = _Checks.read(path.parent / CHECKED)
    pairs = zip(own, manifest.own, strict=True)
    changed = [file for file, raw in pairs if not checks.is_intact(file, raw.sha256)]
    checks.write()
    return f"{changed[0]} has changed" if changed else None


def _describe(file: Path, folder: Path) -> RawFile:
    """Checksum a file; one inside `folder` is named relative to it."""
    absolute, inside = file.resolve(), folder.resolve()
    path = absolute.relative_to(inside) if absolute.is_relative_to(inside) else absolute
    return RawFile(str(path), file.stat().st_size, sha256_of(file))


class _Checks:
    """Which files this user found intact, by what the file system says of them."""

    def __init__(self, path: Path, known: dict[str, list[Any]]) -> None:
        self.path, self.known = path, known
        self.is_changed = False

    @classmethod
    def read(cls, path: Path) -> "_Checks":
        """Read the checks at `path`; none if the file is another user's, damaged or not there."""
        try:
            return cls(path, dict(read_json(path)) if path.stat().st_uid == os.getuid() else {})
        except (OSError, PolymathError, ValueError, TypeError):
            return cls(path, {})

    def is_intact(self, file: Path, sha256: str) -> bool:
        """Whether a file has this SHA-256, as checked now or not long ago."""
        state = file.stat()
        times = [state.st_mtime_ns, state.st_ctime_ns]
        check = [state.st_size, *times, state.st_ino, sha256]
        *checked, when = self.known.get(str(file), [0])
        if checked == check and 0 <= time.time() - when < CHECK_SECONDS:
            return True
        if sha256_of(file) != sha256:
            return False
        self.known[str(file)] = [*check, time.time()]
        self.is_changed = True
        return True

    def write(self) -> None:
        """Keep the checks, where the folder may be written."""
        if self.is_changed:
            with contextlib.suppress(OSError):
                write_json(self.known, self.path)
