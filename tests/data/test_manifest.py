"""A manifest says what was fetched, and notices what changed since."""

import os
import shutil
import time
from pathlib import Path

import pytest

from polymath.data.fetch import manifest as manifest_module
from polymath.data.fetch.manifest import Manifest, explain_change
from polymath.experiment.paths import MANIFEST
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.identity import contents_digest
from polymath.util.storage import sha256_of


@pytest.fixture
def fetched(tmp_path: Path) -> Manifest:
    """A manifest of two files beside it and one elsewhere."""
    folder = tmp_path / "raw"
    (folder / "sub").mkdir(parents=True)
    files = [folder / "one.csv", folder / "sub" / "two.csv", tmp_path / "own.csv"]
    for number, file in enumerate(files, 1):
        file.write_text("x" * number)
    rejected = [{"file": "bad", "reason": "broken"}]
    manifest = Manifest.of(folder / MANIFEST, {"kind": "path"}, files, rejected)
    manifest.write()
    return manifest


def test_a_manifest_survives_its_round_trip(fetched: Manifest) -> None:
    own_file = str(fetched.path.parents[1] / "own.csv")
    assert [file.path for file in fetched.files] == ["one.csv", "sub/two.csv", own_file]
    assert [file.bytes for file in fetched.files] == [1, 2, 3]
    assert fetched.rejected == ({"file": "bad", "reason": "broken"},)
    assert Manifest.read(fetched.path) == fetched


def test_a_manifests_digest_depends_on_the_contents(fetched: Manifest) -> None:
    files = fetched.locate_all()
    files[0].write_text("y")
    assert Manifest.of(fetched.path, fetched.source, files).sha256 != fetched.sha256


def test_a_file_that_changes_its_folder_is_another(tmp_path: Path) -> None:
    manifest, source = tmp_path / "raw/manifest.json", {"kind": "path"}
    paths = [tmp_path / "data" / folder / name for folder, name in (("a", "x"), ("b", "y"))]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(path.name)
    before = Manifest.of(manifest, source, paths, own=paths)
    before.write()
    assert explain_change(manifest, source, paths) is None
    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    moved = [tmp_path / "moved" / path.relative_to(tmp_path / "data") for path in paths]
    assert Manifest.of(manifest, source, moved).sha256 == before.sha256
    assert explain_change(manifest, source, moved) is None
    third = tmp_path / "data/a/z"  # so that both folders stay
    third.touch()
    before = Manifest.of(manifest, source, [*paths, third], own=[*paths, third])
    before.write()
    other = [paths[0].rename(tmp_path / "data/b/x"), paths[1], third]
    after = Manifest.of(manifest, source, other)
    assert after.sha256 != before.sha256
    assert "other names" in str(explain_change(manifest, source, other))


def test_folders_of_rendered_scores_are_in_their_table(tmp_path: Path) -> None:
    files = [{"path": "bach/a.mid", "sha256": "0"}, {"path": "metadata.csv", "sha256": "1"}]
    flat = [{**file, "path": Path(file["path"]).name} for file in files]
    music = {"source": {"kind": "music21"}}
    assert contents_digest({**music, "files": files}) == contents_digest({"files": flat})
    assert contents_digest({"files": files}) != contents_digest({"files": flat})


def test_files_are_located_beside_the_manifest_and_elsewhere(fetched: Manifest) -> None:
    folder = fetched.path.parent
    assert fetched.locate_all() == [
        folder / "one.csv", folder / "sub" / "two.csv", folder.parent / "own.csv"
    ]  # fmt: skip
    assert fetched.locate("two.csv") == folder / "sub" / "two.csv"
    with pytest.raises(PolymathError, match=r"no file 'three\.csv'"):
        fetched.locate("three.csv")


@pytest.mark.parametrize("text", [None, "another length", "yy"])
def test_a_file_that_is_gone_or_has_another_content_is_noticed(
    fetched: Manifest, text: str | None
) -> None:
    fetched.locate_all()
    file = fetched.path.parent / "sub" / "two.csv"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(
        DamagedError, match=r"two\.csv is damaged .*delete .*manifest\.json"
    ) as caught:
        fetched.locate_all()
    assert caught.value.result == fetched.path


def count_hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    hashed: list[str] = []

    def count(path: Path) -> str:
        hashed.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(manifest_module, "sha256_of", count)
    return hashed


def test_a_change_that_keeps_size_and_date_is_seen(fetched: Manifest) -> None:
    path = fetched.locate("one.csv")
    state = path.stat()
    time.sleep(0.02)  # the file system's clock may tick a hundred times a second
    path.write_text("y")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_ino == state.st_ino
    with pytest.raises(DamagedError, match=r"one\.csv"):
        fetched.locate_all()


def test_an_intact_file_is_hashed_once(fetched: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = count_hashed(monkeypatch)
    fetched.locate_all()
    Manifest.read(fetched.path).locate_all()
    assert hashed == ["one.csv", "two.csv", "own.csv"]
    (fetched.path.parent / "one.csv").touch()
    fetched.locate_all()
    assert hashed[3:] == ["one.csv"]


@pytest.mark.parametrize("case", ["another user", "a day ago", "in the future", "damaged"])
def test_a_check_that_cannot_be_trusted_is_repeated(
    fetched: Manifest, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched.locate_all()
    hashed = count_hashed(monkeypatch)
    now = time.time()
    match case:
        case "another user":
            monkeypatch.setattr(os, "getuid", lambda: 4321)
        case "a day ago":
            monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
        case "in the future":
            monkeypatch.setattr(time, "time", lambda: now - 3600)
        case "damaged":
            (fetched.path.parent / ".checked.json").write_text("[1")
    fetched.locate_all()
    assert len(hashed) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": []}', '{"files": 3, "source": 1}'])
def test_a_damaged_manifest_is_named(fetched: Manifest, text: str) -> None:
    fetched.path.write_text(text)
    with pytest.raises(DamagedError, match="manifest\\.json is damaged"):
        Manifest.read(fetched.path)
