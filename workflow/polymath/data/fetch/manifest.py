"""The manifest of a data set or model: its raw files, each with its checksum."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polymath.util.errors import PolymathError
from polymath.util.storage import digest_of, read_json, sha256_of, write_json

MANIFEST = "manifest.json"


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

    @classmethod
    def of(
        cls,
        path: Path,
        source: Mapping[str, Any],
        files: Iterable[Path],
        rejected: Iterable[Mapping[str, str]] = (),
    ) -> "Manifest":
        """Return the manifest to write at `path`, with the checksums of `files` as they are now."""
        return cls(
            path, source, tuple(_describe(file, path.parent) for file in files), tuple(rejected)
        )

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read the manifest at `path`."""
        stored = read_json(path)
        files = tuple(RawFile(**file) for file in stored["files"])
        return cls(path, stored["source"], files, tuple(stored["rejected"]))

    def write(self) -> None:
        """Write the manifest, beside the files that it lists."""
        content = {"source": self.source, "rejected": self.rejected}
        write_json({**content, "files": [asdict(file) for file in self.files]}, self.path)

    @property
    def sha256(self) -> str:
        """A digest of all files' names and contents."""
        return digest_of([[Path(file.path).name, file.sha256] for file in self.files])

    def locate_all(self) -> list[Path]:
        """Return the paths of all files.

        Raises:
            PolymathError: if a file is gone or has another size than when it was fetched.
        """
        paths = []
        for file in self.files:
            path = self.path.parent / file.path
            if not path.is_file() or path.stat().st_size != file.bytes:
                raise PolymathError(
                    f"{path}: missing, or not the {file.bytes} bytes that were fetched: "
                    f"delete {self.path} and run again"
                )
            paths.append(path)
        return paths

    def locate(self, name: str) -> Path:
        """Return the path of the file of that name.

        Raises:
            PolymathError: if there is none, or a file is gone.
        """
        for path in self.locate_all():
            if path.name == name:
                return path
        raise PolymathError(
            f"{self.path}: no file '{name}' among the source's: add it to the catalogue"
        )


def _describe(file: Path, folder: Path) -> RawFile:
    """Checksum a file; one inside `folder` is named relative to it."""
    absolute, inside = file.resolve(), folder.resolve()
    path = absolute.relative_to(inside) if absolute.is_relative_to(inside) else absolute
    return RawFile(str(path), file.stat().st_size, sha256_of(file))
