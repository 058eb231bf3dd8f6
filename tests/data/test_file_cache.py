"""Fetched files are kept once per machine, whole, and for their user alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.file_cache import INDEX, FileCache
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.manifest import Manifest
from polymath.experiment.sources import FetchedSource, HubSource, UrlSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, sha256_of
from support import quiet

SETTINGS = {"version": "10", "composers": ["bach"]}
REJECTED = [{"file": "bwv2", "reason": "broken"}]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cache(home: Path) -> FileCache:
    found = FileCache.of("scores", SETTINGS, quiet)
    assert found is not None
    return found


@pytest.fixture
def rendered(tmp_path: Path, cache: FileCache) -> list[Path]:
    """Two files, and their copy in the cache."""
    files = [tmp_path / "raw/metadata.csv", tmp_path / "raw/bach/bwv1.mid"]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number, 255]))
    cache.keep(tmp_path / "raw", (files, REJECTED))
    return files


def test_scores_come_back_byte_for_byte_in_their_order(
    cache: FileCache, rendered: list[Path], tmp_path: Path
) -> None:
    restored = cache.restore(tmp_path / "other")
    assert restored is not None
    files, rejected = restored
    assert [file.relative_to(tmp_path / "other").as_posix() for file in files] == [
        "metadata.csv", "bach/bwv1.mid"
    ]  # fmt: skip
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in rendered]
    assert rejected == REJECTED
    assert [path.name for path in cache.entry.parent.iterdir()] == [cache.entry.name]


@pytest.mark.parametrize(
    "change", ["altered", "missing", "cut index", "other index", "short index"]
)
def test_a_damaged_entry_is_not_used_and_is_replaced(
    cache: FileCache, rendered: list[Path], tmp_path: Path, change: str
) -> None:
    logged: list[str] = []
    cache = FileCache(cache.entry, logged.append)
    match change:
        case "altered":
            (cache.entry / "bach/bwv1.mid").write_bytes(b"xy")
        case "missing":
            (cache.entry / "bach/bwv1.mid").unlink()
        case "cut index":
            (cache.entry / INDEX).write_text('{"files": [["metada')
        case "other index":
            (cache.entry / INDEX).write_text("[]")
        case "short index":
            (cache.entry / INDEX).write_text('{"files": []}')
    assert cache.restore(tmp_path / "other") is None
    assert not (tmp_path / "other/bach/bwv1.mid").exists()
    assert len(logged) == 1
    cache.keep(tmp_path / "raw", (rendered, REJECTED))
    assert cache.restore(tmp_path / "other") is not None


def test_other_settings_have_another_entry(cache: FileCache, rendered: list[Path]) -> None:
    later = FileCache.of("scores", {**SETTINGS, "version": "11"}, quiet)
    assert later is not None
    assert later.entry != cache.entry
    assert later.restore(rendered[0].parent) is None


def test_the_folder_is_this_users_alone(cache: FileCache, home: Path) -> None:
    assert (home / "polymath").stat().st_mode & 0o777 == 0o700


def test_a_group_that_may_read_the_folder_may_not_write_below_it(
    home: Path, rendered: list[Path], tmp_path: Path
) -> None:
    (home / "polymath").chmod(0o755)
    umask = os.umask(0o002)
    try:
        cache = FileCache.of("fetched", SETTINGS, quiet)
        assert cache is not None
        cache.keep(tmp_path / "raw", (rendered, REJECTED))
    finally:
        os.umask(umask)
    assert cache.entry.exists()
    assert cache.entry.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", ["writable", "link"])
def test_a_folder_that_others_may_write_to_is_not_used(home: Path, kind: str) -> None:
    home.mkdir()
    if kind == "writable":
        (home / "polymath").mkdir()
        (home / "polymath").chmod(0o777)
    else:
        (home / "elsewhere").mkdir()
        (home / "polymath").symlink_to(home / "elsewhere")
    logged: list[str] = []
    assert FileCache.of("scores", SETTINGS, logged.append) is None
    assert str(home / "polymath") in logged[0]


def test_without_the_variable_the_users_own_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, by the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    found = FileCache.of("scores", SETTINGS, quiet)
    assert found is not None
    assert found.entry.is_relative_to(tmp_path / ".cache/polymath")


def test_without_a_home_nothing_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: object) -> None:
        raise KeyError(key)

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", fail)
    logged: list[str] = []
    assert FileCache.of("scores", SETTINGS, logged.append) is None
    assert "nothing is cached" in logged[0]


def test_a_full_disk_costs_the_cache_only(
    cache: FileCache, rendered: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    logged: list[str] = []
    monkeypatch.setattr("shutil.copyfile", fail)
    FileCache(tmp_path / "cache/polymath/scores/new", logged.append).keep(
        tmp_path / "raw", (rendered, [])
    )
    assert logged == ["not cached: No space left on device"]
    assert not (tmp_path / "cache/polymath/scores/new").exists()


class CountingServer:
    """Count how often each kind of download runs, and write one file for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        monkeypatch.setattr("polymath.data.fetch.fetch._download", self.download)

    def download(
        self, source: object, folder: Path, lock: Lock, log: Callable[[str], None]
    ) -> list[Path]:
        self.calls += 1
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.csv").write_text("content")
        if isinstance(source, HubSource):
            lock.keep({"a.csv": sha256_of(folder / "a.csv")}, "d" * 40)
        elif isinstance(source, UrlSource) and source.files[0].sha256 is None:
            lock.keep({"a.csv": "1" * 64})
        return [folder / "a.csv"]


PINNED = {"kind": "url", "files": [{"url": "https://x.org/a.csv", "sha256": "1" * 64}]}
UNPINNED = {"kind": "url", "files": [{"url": "https://x.org/a.csv"}]}
PACKAGE = {"kind": "package", "name": "p", "version": "1", "sha256": "2" * 64,
           "members": ["p/a.csv"]}  # fmt: skip
COMMIT = {"kind": "hub", "repo": "o/n", "revision": "d" * 40}
BRANCH = {"kind": "hub", "repo": "o/n", "revision": "main"}


@pytest.mark.parametrize(
    ("described", "calls"),
    [(PINNED, 1), (PACKAGE, 1), (COMMIT, 1), (UNPINNED, 2), (BRANCH, 2)],
)
def test_what_is_pinned_is_downloaded_once_for_all_results_folders(
    described: dict[str, Any], calls: int, home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Without a pin, the content is known only where the lock file recorded it."""
    server = CountingServer(monkeypatch)
    source = TypeAdapter(FetchedSource).validate_python(described)
    for name in ("first", "second"):
        manifest = tmp_path / name / "raw/odd/manifest.json"
        fetch(source, manifest, 1, quiet, tmp_path / name / "lock.json")
        assert (manifest.parent / "a.csv").read_text() == "content"
    assert server.calls == calls
    manifest = tmp_path / "second/other/raw/odd/manifest.json"
    fetch(source, manifest, 1, quiet, tmp_path / "second/lock.json")
    assert server.calls == calls
    assert Manifest.read(manifest).locate("a.csv").read_text() == "content"


def test_copies_of_a_repository_are_recorded_and_must_be_those_that_are(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file of a colleague may know other content of the same commit."""
    server = CountingServer(monkeypatch)
    source = TypeAdapter(FetchedSource).validate_python(COMMIT)
    locks = [tmp_path / f"{name}.json" for name in ("first", "second", "colleague")]
    for lock_file in locks[:2]:
        manifest = tmp_path / lock_file.stem / "raw/odd/manifest.json"
        fetch(source, manifest, 1, quiet, lock_file)
    assert server.calls == 1
    assert read_json(locks[0]) == read_json(locks[1])
    manifest = tmp_path / "third/raw/odd/manifest.json"
    Lock.of(locks[2], manifest, source).keep({"a.csv": "0" * 64}, "d" * 40)
    with pytest.raises(PolymathError, match="first fetched"):
        fetch(source, manifest, 1, quiet, locks[2])
    assert server.calls == 2
    assert not manifest.exists()
