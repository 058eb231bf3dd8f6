"""Raw files from a package index, from the user's folder and from music21's corpus."""

import csv
import hashlib
import io
import os
import shutil
import socket
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pretty_midi
import pytest
from pydantic import ValidationError

from polymath.data.fetch import manifest as manifest_module
from polymath.data.fetch import music21_corpus
from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.local import list_path
from polymath.data.fetch.manifest import MANIFEST, Manifest, explain_change
from polymath.data.fetch.music21_corpus import fetch_scores
from polymath.data.fetch.package import fetch_package
from polymath.experiment.sources import Music21Source, PackageSource, PathSource
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.identity import contents_digest
from polymath.util.storage import sha256_of
from support.server import Handler, serving

WHEEL = "tinydata-1.0-py3-none-any.whl"
CONTENT = b"sequence,label\nACGT,yes\n"


def quiet(message: str) -> None:
    """Report progress to nobody."""


def build_wheel(members: dict[str, bytes]) -> bytes:
    """Return a minimal valid wheel that carries `members`."""
    information = "tinydata-1.0.dist-info"
    needed = {
        f"{information}/METADATA": b"Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\n",
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{information}/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, **needed}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Index:
    """A package index of one wheel, and what it does wrong."""

    wheel: bytes = b""
    sends_half: bool = False
    asked: list[str] = field(default_factory=list)

    def source(self, *members: str) -> PackageSource:
        """Return the catalogue's entry for the wheel as it ought to be."""
        digest = hashlib.sha256(self.wheel).hexdigest()
        return PackageSource(
            kind="package", name="tinydata", version="1.0", sha256=digest, members=members
        )


def use_only_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Have pip ask this index, and no cache, configuration or folder of wheels."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "PIP_NO_INDEX",
                 "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "PIP_PROXY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    settings = {
        "PIP_INDEX_URL": url,
        "PIP_TRUSTED_HOST": "127.0.0.1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "5",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Serve a package index on this machine."""
    served = Index(build_wheel({"tinydata/data/table.csv": CONTENT, "tinydata/other.csv": b"no"}))

    class IndexHandler(Handler):
        def answer(self) -> None:
            served.asked.append(self.path)
            if self.path == "/simple/tinydata/":
                page = f'<!DOCTYPE html><html><body><a href="/files/{WHEEL}">{WHEEL}</a></body>'
                self.reply(200, page.encode(), Content_Type="text/html")
            elif self.path == f"/files/{WHEEL}":
                self.send_head(200, len(served.wheel), Content_Type="application/octet-stream")
                whole = len(served.wheel)
                self.wfile.write(served.wheel[: whole // 2 if served.sends_half else whole])
            else:
                self.send_error(404)
            self.close_connection = True

    with serving(IndexHandler) as address:
        use_only_index(monkeypatch, f"{address}/simple/")
        yield served


def test_a_package_gives_the_named_member_and_nothing_else(index: Index, tmp_path: Path) -> None:
    files = fetch_package(index.source("tinydata/data/table.csv"), tmp_path, quiet)
    assert files == [tmp_path / "table.csv"]
    assert files[0].read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == files


def test_a_package_that_changed_is_refused(index: Index, tmp_path: Path) -> None:
    source = index.source("tinydata/data/table.csv")
    index.wheel = build_wheel({"tinydata/data/table.csv": b"other numbers"})
    with pytest.raises(PolymathError, match=r"tinydata 1\.0.*checksum") as caught:
        fetch_package(source, tmp_path, quiet)
    assert f"sha256 {source.sha256}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_connection_leaves_nothing_behind(index: Index, tmp_path: Path) -> None:
    index.sends_half = True
    with pytest.raises(PolymathError, match=r"tinydata 1\.0.*[Rr]un again"):
        fetch(index.source("tinydata/data/table.csv"), tmp_path / MANIFEST, 1, quiet)
    assert f"/files/{WHEEL}" in index.asked
    assert list(tmp_path.iterdir()) == []


def test_a_missing_member_is_named_with_the_nearest(index: Index, tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"did you mean 'tinydata/data/table\.csv'") as caught:
        fetch_package(index.source("tinydata/data/tables.csv"), tmp_path, quiet)
    assert "no member 'tinydata/data/tables.csv'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_member_cannot_leave_the_folder(index: Index, tmp_path: Path) -> None:
    index.wheel = build_wheel({"../../escaped.csv": CONTENT})
    folder = tmp_path / "outer" / "raw"
    assert fetch_package(index.source("../../escaped.csv"), folder, quiet) == [
        folder / "escaped.csv"
    ]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "escaped.csv"]


def test_a_member_that_grows_too_far_is_refused_with_the_limit(
    index: Index, tmp_path: Path
) -> None:
    index.wheel = build_wheel({"tinydata/data/table.csv": bytes(11 * 10**6)})
    with pytest.raises(PolymathError, match=r"11 MB.* and 200 times.*'members'"):
        fetch_package(index.source("tinydata/data/table.csv"), tmp_path / "out", quiet)
    assert not (tmp_path / "out/table.csv").exists()


@pytest.mark.parametrize("change", [{"name": "nosuchdata"}, {"version": "9.9"}])
def test_what_the_index_does_not_have_is_named(
    index: Index, change: dict[str, str], tmp_path: Path
) -> None:
    source = index.source("x").model_copy(update=change)
    with pytest.raises(PolymathError) as caught:
        fetch_package(source, tmp_path, quiet)
    assert str(caught.value).startswith(f"{source.name} {source.version}: the download failed: ERR")
    assert "the package's name and its version" in str(caught.value)


def test_an_unreachable_index_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        use_only_index(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}/simple/")
        with pytest.raises(PolymathError, match="Check the network"):
            fetch_package(Index(b"x").source("x"), tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []


def test_fetching_a_package_records_what_was_fetched(index: Index, tmp_path: Path) -> None:
    source = index.source("tinydata/data/table.csv")
    fetch(source, tmp_path / MANIFEST, 1, quiet)
    manifest = Manifest.read(tmp_path / MANIFEST)
    assert [file.path for file in manifest.files] == ["table.csv"]
    assert manifest.files[0].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert manifest.source["sha256"] == source.sha256


def test_members_of_one_name_are_refused_since_one_would_replace_the_other(index: Index) -> None:
    with pytest.raises(ValidationError, match=r"the file name 'data\.csv'"):
        index.source("train/data.csv", "test/data.csv")


def own(path: Path) -> PathSource:
    return PathSource(kind="path", path=str(path))


def test_a_path_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    for name, problem in (("gone", "does not exist"), ("empty", "is an empty folder")):
        with pytest.raises(PolymathError, match=f"{name}' {problem}"):
            list_path(own(tmp_path / name))


def test_a_single_file_is_taken_even_if_hidden(tmp_path: Path) -> None:
    file = tmp_path / ".data.csv"
    file.write_text("x")
    assert list_path(own(file)) == [file]


def test_a_folder_gives_its_files_sorted_without_hidden_ones(tmp_path: Path) -> None:
    folder = tmp_path / ".private"  # above the source, hidden folders hide nothing
    for name in ["b/deep/two.csv", "a.csv", ".hidden.csv", ".git/config", "b/.cache/three.csv"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert list_path(own(folder)) == [folder / "a.csv", folder / "b/deep/two.csv"]


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


def installed_corpus() -> Path:
    spec = find_spec("music21")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "corpus"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small scores in place of music21's thousands."""
    folder = tmp_path / "corpus"
    for name in ("bach/bwv66.6.mxl", "bach/bwv165.6.mxl",
                 "palestrina/Gloria_70_c.krn", "palestrina/Credo_67_c.krn"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(installed_corpus() / name, folder / name)
    monkeypatch.setattr(music21_corpus, "_corpus_folder", lambda source: folder)
    return folder


def describe_scores(corpus: Path, version: str = "any") -> Music21Source:
    """Return the catalogue's entry for all scores of a corpus as they are now."""
    lines = sorted(
        f"{path.relative_to(corpus).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in corpus.rglob("*.*")
    )
    return Music21Source(
        kind="music21",
        version=version,
        sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        composers=("bach", "palestrina"),
        limit=5,
    )


def read_works(table: Path) -> dict[str, str]:
    with table.open(newline="", encoding="utf-8") as handle:
        return {row["file"]: row["work"] for row in csv.DictReader(handle)}


def test_scores_become_midi_and_a_table_of_works(corpus: Path, tmp_path: Path) -> None:
    logged: list[str] = []
    raw = tmp_path / "raw"
    files, rejected = fetch_scores(describe_scores(corpus), raw, 1, logged.append)
    assert rejected == []
    assert files[0] == raw / "metadata.csv"
    assert sorted(file.relative_to(raw).as_posix() for file in files[1:]) == [
        "bach/bwv165.6.mid",
        "bach/bwv66.6.mid",
        "palestrina/Credo_67_c.mid",
        "palestrina/Gloria_70_c.mid",
    ]
    for file in files[1:]:
        midi = pretty_midi.PrettyMIDI(str(file))
        assert sum(len(track.notes) for track in midi.instruments) > 10, file
    assert read_works(files[0]) == {
        "bwv165.6": "bach: bwv165.6",
        "bwv66.6": "bach: bwv66.6",
        "Credo_67_c": "palestrina: Missa In illo tempore",
        "Gloria_70_c": "palestrina: Missa In illo tempore",
    }
    assert logged[-1] == "wrote 4 of 4 scores to MIDI"


def test_a_broken_score_is_reported_and_the_others_are_kept(corpus: Path, tmp_path: Path) -> None:
    (corpus / "bach" / "bwv66.6.mxl").write_bytes(b"not a score \x00\xff" * 40)
    files, rejected = fetch_scores(describe_scores(corpus), tmp_path / "raw", 1, quiet)
    assert [score["file"] for score in rejected] == ["bwv66.6"]
    assert rejected[0]["reason"]
    assert len(files) == 1 + 3
    assert "bwv66.6" not in read_works(files[0])
    assert sorted(path for path in (tmp_path / "raw").rglob("*") if path.is_file()) == sorted(files)


def test_scores_that_the_machine_cannot_write_are_not_left_out(
    corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "bach").write_text("in the way")
    with pytest.raises(FileExistsError):
        fetch_scores(describe_scores(corpus), tmp_path / "raw", 1, quiet)


def test_scores_rendered_before_are_copied(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = describe_scores(corpus)
    first = fetch_scores(source, tmp_path / "first", 1, quiet)
    monkeypatch.setattr(music21_corpus, "_render", lambda *_: pytest.fail("rendered again"))
    second = fetch_scores(source, tmp_path / "second", 1, quiet)
    assert [path.read_bytes() for path in second[0]] == [path.read_bytes() for path in first[0]]
    assert second[1] == first[1]
    (corpus / "bach" / "bwv66.6.mxl").write_bytes(b"another score")
    with pytest.raises(PolymathError, match="checksum"):
        fetch_scores(source, tmp_path / "third", 1, quiet)


def test_a_piece_in_two_formats_is_taken_once(corpus: Path) -> None:
    source = describe_scores(corpus)
    (corpus / "bach" / "bwv66.6.krn").write_text("never read")
    chosen = music21_corpus._choose_scores(source, corpus)
    assert [path.name for path in chosen if "bwv66" in path.name] == ["bwv66.6.mxl"]
    assert len(chosen) == 4


def test_the_limit_keeps_the_same_scores_of_each_composer(corpus: Path) -> None:
    source = describe_scores(corpus)
    everything = music21_corpus._choose_scores(source, corpus)
    fewer = music21_corpus._choose_scores(source.model_copy(update={"limit": 1}), corpus)
    assert fewer == [everything[0], everything[2]]


def test_scores_that_changed_are_refused(corpus: Path, tmp_path: Path) -> None:
    source = describe_scores(corpus)
    (corpus / "palestrina" / "Credo_67_c.krn").write_text("altered")
    with pytest.raises(PolymathError, match=f"the catalogue names {source.sha256}"):
        fetch_scores(source, tmp_path / "raw", 1, quiet)
    assert not (tmp_path / "raw").exists()


def test_an_unknown_composer_is_an_error(corpus: Path, tmp_path: Path) -> None:
    source = describe_scores(corpus).model_copy(update={"composers": ("bach", "palestrini")})
    with pytest.raises(PolymathError, match="did you mean 'palestrina'"):
        fetch_scores(source, tmp_path / "raw", 1, quiet)


def test_another_version_of_music21_is_refused(tmp_path: Path) -> None:
    source = Music21Source(
        kind="music21", version="0.1", sha256="0" * 64, composers=("bach", "palestrina"), limit=1
    )
    with pytest.raises(PolymathError, match=r"is installed, the catalogue names 0\.1"):
        fetch_scores(source, tmp_path, 1, quiet)
