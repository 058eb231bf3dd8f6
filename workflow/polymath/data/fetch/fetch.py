"""Fetch the raw files of a data set or model, whatever their source."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from polymath.data.fetch.file_cache import Fetched, FileCache
from polymath.data.fetch.local import describe_source, list_path, own_files
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.manifest import CHECKED, Manifest
from polymath.data.fetch.music21_corpus import fetch_scores
from polymath.data.fetch.package import fetch_package
from polymath.data.fetch.progress import Log
from polymath.experiment.base import StrictModel
from polymath.experiment.sources import (
    FetchedSource,
    HubSource,
    Music21Source,
    PackageSource,
    PathSource,
    UrlSource,
    identity_of,
)
from polymath.experiment.stage_versions import FETCH
from polymath.util.errors import PolymathError
from polymath.util.storage import sha256_of

LOCK_FILE = Path("polymath.lock.json")
Downloaded = PackageSource | HubSource | UrlSource


def fetch(
    source: FetchedSource, manifest: Path, workers: int, log: Log, lock_file: Path = LOCK_FILE
) -> None:
    """Put the source's files beside `manifest` and write it last, once all are whole.

    The user's own files stay where they are; their checksums are recorded.

    Args:
        lock_file: keeps the checksums that the catalogue does not state.

    Raises:
        PolymathError: if a file cannot be fetched whole and unaltered.
    """
    lock = Lock.of(lock_file, manifest, source)
    files, rejected = collect(source, manifest.parent, workers, lock, log)
    record(source, manifest, files, log, rejected)


def collect(source: FetchedSource, folder: Path, workers: int, lock: Lock, log: Log) -> Fetched:
    """Return the source's files, fetched into `folder`, and those that could not be made.

    Raises:
        PolymathError: if a file cannot be fetched whole and unaltered.
    """
    # What a source needs is imported with it: the hub's library alone takes half a second.
    match source:
        case Music21Source():
            return fetch_scores(source, folder, workers, log)
        case PathSource():
            return list_path(source), []
        case _:
            return _fetch_cached(source, folder, lock, log)


def _fetch_cached(source: Downloaded, folder: Path, lock: Lock, log: Log) -> Fetched:
    """Return a download's files, copied from this machine's cache if they are there."""
    cache = _cache_of(source, lock, log)
    cached = cache and cache.restore(folder)
    if cached and _agrees_with_lock(source, cached[0], folder, lock, log):
        return cached
    fetched: Fetched = (_download(source, folder, lock, log), [])
    cache = cache or _cache_of(source, lock, log)  # the lock file may know its content now
    if cache:
        cache.keep(folder, fetched)
    return fetched


def _cache_of(source: Downloaded, lock: Lock, log: Log) -> FileCache | None:
    """Return the cache's entry of a download; None if nothing pins its content, or it is unsafe."""
    pins: dict[str, str | None] = {}
    match source:
        case HubSource():
            pins = {"commit": source.commit or lock.commit}
        case UrlSource():
            recorded = lock.files
            pins = {
                file.file_name: file.sha256 or recorded.get(file.file_name) for file in source.files
            }
    if None in pins.values():
        return None
    described = identity_of(source, exclude_defaults=True)
    return FileCache.of("fetched", {"source": described, "pins": pins, "code": FETCH}, log)


def _agrees_with_lock(
    source: Downloaded, files: list[Path], folder: Path, lock: Lock, log: Log
) -> bool:
    """Record a repository's files as its download does; return whether no other are recorded.

    Of other sources, the pins are the files' checksums.
    """
    if not isinstance(source, HubSource):
        return True
    sums = {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}
    try:
        lock.keep(sums, lock.commit or source.revision)
    except PolymathError as error:
        log(f"the copies are not used: {error}")
        return False
    return True


def _download(source: Downloaded, folder: Path, lock: Lock, log: Log) -> list[Path]:
    match source:
        case PackageSource():
            return fetch_package(source, folder, log)
        case HubSource():
            from polymath.data.fetch.hub import fetch_hub

            return fetch_hub(source, folder, lock, log)
        case UrlSource():
            from polymath.data.fetch.url import fetch_urls

            return fetch_urls(source, folder, lock, log)


def record(
    source: StrictModel,
    manifest: Path,
    files: list[Path],
    log: Log,
    rejected: Iterable[Mapping[str, str]] = (),
) -> None:
    """Write the manifest of a source's files.

    Raises:
        PolymathError: if one of them has a name of Polymath's own files beside them.
    """
    reserved = {manifest, manifest.with_name(CHECKED)}
    if taken := reserved.intersection(files):
        raise PolymathError(
            f"{taken.pop()}: the source has a file of this name, which Polymath needs for its own: "
            "leave it out, or give it another 'name'"
        )
    log(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    Manifest.of(manifest, describe_source(source), files, rejected, own_files(source)).write()
