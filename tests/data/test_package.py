"""Raw files from a package index, which a local server stands for."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import ValidationError

from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.manifest import Manifest
from polymath.data.fetch.package import fetch_package
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import PackageSource
from polymath.util.errors import PolymathError
from support import quiet
from support.server import Handler, refusing, serving

WHEEL = "tinydata-1.0-py3-none-any.whl"
CONTENT = b"sequence,label\nACGT,yes\n"


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
    with refusing() as address:
        use_only_index(monkeypatch, f"{address}/simple/")
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
