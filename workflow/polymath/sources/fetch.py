"""Fetch a data set's or a model's raw files, whatever their source."""

from collections.abc import Callable
from pathlib import Path

from polymath.manifest import Manifest, describe_files, write_manifest
from polymath.origins import FetchedSource, Music21Source, PackageSource, PathSource
from polymath.sources.local import list_path
from polymath.sources.package import fetch_package
from polymath.sources.scores import fetch_scores
from polymath.versions import FETCH


def fetch(
    source: FetchedSource,
    manifest: Path,
    workers: int,
    say: Callable[[str], None],
) -> None:
    """Put the source's files beside `manifest` and write it last, once all are whole.

    The user's own files stay where they are; their checksums are recorded.

    Raises:
        PolymathError: if a file cannot be had whole and unaltered.
    """
    folder = manifest.parent
    rejected: list[dict[str, str]] = []
    match source:
        case PackageSource():
            files = fetch_package(source, folder, say)
        case Music21Source():
            files, rejected = fetch_scores(source, folder, workers, say)
        case PathSource():
            files = list_path(source)
        case _:
            raise NotImplementedError(source.kind)
    described = {**source.model_dump(), "code_version": FETCH}
    say(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    write_manifest(Manifest(described, describe_files(files, folder), tuple(rejected)), manifest)
