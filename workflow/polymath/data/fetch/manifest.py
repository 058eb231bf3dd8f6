"""What was fetched: the raw files of a data set or model, each with its checksum."""

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
    """Provenance of raw files. `rejected` names those that could not be made, and why."""

    source: dict[str, Any]
    files: tuple[RawFile, ...]
    rejected: tuple[dict[str, str], ...] = ()

    @property
    def sha256(self) -> str:
        """A digest of all files' names and contents."""
        return digest_of([[Path(file.path).name, file.sha256] for file in self.files])


def describe_files(paths: list[Path], folder: Path) -> tuple[RawFile, ...]:
    """Checksum files; those inside `folder` are named relative to it."""
    inside = folder.resolve()
    return tuple(
        RawFile(
            path=str(
                path.resolve().relative_to(inside)
                if path.resolve().is_relative_to(inside)
                else path.resolve()
            ),
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
        )
        for path in paths
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest beside the files that it lists."""
    write_json(asdict(manifest), path)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest."""
    stored = read_json(path)
    return Manifest(
        source=stored["source"],
        files=tuple(RawFile(**file) for file in stored["files"]),
        rejected=tuple(stored["rejected"]),
    )


def locate_files(path: Path) -> list[Path]:
    """Return the files of the manifest at `path`.

    Raises:
        PolymathError: if one is gone or has another size than when it was fetched.
    """
    found = []
    for file in read_manifest(path).files:
        full = path.parent / file.path
        if not full.is_file() or full.stat().st_size != file.bytes:
            raise PolymathError(
                f"{full}: missing, or not the {file.bytes} bytes that were fetched: "
                f"delete {path} and run again"
            )
        found.append(full)
    return found


def locate_named(path: Path, name: str) -> Path:
    """Return the manifest's file of that name.

    Raises:
        PolymathError: if there is none.
    """
    for file in locate_files(path):
        if file.name == name:
            return file
    raise PolymathError(f"{path}: no file '{name}' among the source's: add it to the catalogue")
