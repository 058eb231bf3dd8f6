"""Rendered scores are kept once per machine, whole, and for their user alone."""

from pathlib import Path

import pytest

from polymath.data.fetch.score_cache import INDEX, ScoreCache

SETTINGS = {"version": "10", "composers": ["bach"]}
REJECTED = [{"file": "bwv2", "reason": "broken"}]


def quiet(line: str) -> None:
    """Log nothing."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cache(home: Path) -> ScoreCache:
    found = ScoreCache.of(SETTINGS, quiet)
    assert found is not None
    return found


@pytest.fixture
def rendered(tmp_path: Path, cache: ScoreCache) -> list[Path]:
    """Two files, and their copy in the cache."""
    files = [tmp_path / "raw/metadata.csv", tmp_path / "raw/bach/bwv1.mid"]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number, 255]))
    cache.keep(tmp_path / "raw", (files, REJECTED))
    return files


def test_scores_come_back_byte_for_byte_in_their_order(
    cache: ScoreCache, rendered: list[Path], tmp_path: Path
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


@pytest.mark.parametrize("change", ["altered", "missing", "cut index", "other index"])
def test_a_damaged_entry_is_not_used_and_is_replaced(
    cache: ScoreCache, rendered: list[Path], tmp_path: Path, change: str
) -> None:
    logged: list[str] = []
    cache = ScoreCache(cache.entry, logged.append)
    match change:
        case "altered":
            (cache.entry / "bach/bwv1.mid").write_bytes(b"xy")
        case "missing":
            (cache.entry / "bach/bwv1.mid").unlink()
        case "cut index":
            (cache.entry / INDEX).write_text('{"files": [["metada')
        case "other index":
            (cache.entry / INDEX).write_text("[]")
    assert cache.restore(tmp_path / "other") is None
    assert not (tmp_path / "other/bach/bwv1.mid").exists()
    assert len(logged) == 1
    cache.keep(tmp_path / "raw", (rendered, REJECTED))
    assert cache.restore(tmp_path / "other") is not None


def test_other_settings_have_another_entry(cache: ScoreCache, rendered: list[Path]) -> None:
    later = ScoreCache.of({**SETTINGS, "version": "11"}, quiet)
    assert later is not None
    assert later.entry != cache.entry
    assert later.restore(rendered[0].parent) is None


def test_the_folder_is_this_users_alone(cache: ScoreCache, home: Path) -> None:
    assert (home / "polymath").stat().st_mode & 0o777 == 0o700


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
    assert ScoreCache.of(SETTINGS, logged.append) is None
    assert str(home / "polymath") in logged[0]


def test_without_the_variable_the_users_own_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, by the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    found = ScoreCache.of(SETTINGS, quiet)
    assert found is not None
    assert found.entry.is_relative_to(tmp_path / ".cache/polymath")


def test_a_full_disk_costs_the_cache_only(
    cache: ScoreCache, rendered: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    logged: list[str] = []
    monkeypatch.setattr("shutil.copyfile", fail)
    ScoreCache(tmp_path / "cache/polymath/scores/new", logged.append).keep(
        tmp_path / "raw", (rendered, [])
    )
    assert logged == ["scores are not cached: No space left on device"]
    assert not (tmp_path / "cache/polymath/scores/new").exists()
