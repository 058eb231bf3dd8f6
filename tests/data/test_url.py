"""Files behind addresses: a local server that does everything a server can do wrong."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from polymath.data.fetch import progress, url
from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.local import describe_source
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.manifest import CHECKED, Manifest, explain_change
from polymath.experiment.config_errors import parse
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import RemoteFile, UrlSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json
from support.archives import BUILDERS, CONTENT, zip_of
from support.server import Handler, refusing, serving

CUT = 18 * url.CHUNK
MEMBERS = {"set/2004/a.mid": b"A", "set/2004/b.mid": b"B", "set/read.me": b"text", "c.csv": b"C"}


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are of the network: nothing comes from this machine's cache."""
    monkeypatch.setattr("polymath.data.fetch.fetch._cache_of", lambda *_: None)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Served:
    """What the server has, and what it does wrong."""

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)  # bytes to send before hanging up, each once
    statuses: list[int] = field(default_factory=list)  # to answer first, each once
    has_ranges: bool = True
    shifts_ranges: bool = False
    heeds_conditions: bool = True
    version: str | None = '"one"'
    asked: list[str] = field(default_factory=list)  # the Range of each request
    paths: list[str] = field(default_factory=list)  # of each request
    address: str = ""

    def source(self, **changes: object) -> UrlSource:
        """Return a catalogue's entry for the file as it ought to be."""
        values = {"url": f"{self.address}/files/data.bin", "sha256": sha256(self.content)}
        return UrlSource(kind="url", files=(RemoteFile(**{**values, **changes}),))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serve one file on this machine; nobody waits between attempts."""
    monkeypatch.setattr(url, "BACKOFF", 0.0)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    served = Served()

    class FileHandler(Handler):
        def answer(self) -> None:
            served.asked.append(self.headers.get("Range", ""))
            served.paths.append(self.path)
            if self.path.partition("?")[0] != "/files/data.bin":
                self.send_error(404)
            elif served.statuses:
                self.send_error(served.statuses.pop(0))
            else:
                self._send()
            self.close_connection = True

        def _send(self) -> None:
            start, size = 0, len(served.content)
            wanted = self.headers.get("Range")
            condition = self.headers.get("If-Range") if served.heeds_conditions else None
            if wanted and served.has_ranges and condition in (None, served.version):
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= size:
                self.reply(416, b"", Content_Range=f"bytes */{size}")
                return
            start -= 7 if served.shifts_ranges and start else 0
            headers = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
            if served.version:
                headers["ETag"] = served.version
            body = served.content[start:]
            self.send_head(206 if start else 200, len(body), **headers)
            self.wfile.write(body[: served.cuts.pop(0)] if served.cuts else body)

    with serving(FileHandler) as served.address:
        yield served


@dataclass
class Place:
    """Where a test fetches to."""

    root: Path
    logged: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / "results" / "raw" / "odd"

    @property
    def lock(self) -> Path:
        return self.root / "polymath.lock.json"

    def fetch(self, source: UrlSource) -> None:
        fetch(source, self.folder / MANIFEST, 1, self.logged.append, self.lock)

    def names(self) -> list[str]:
        """All files there, hidden ones too."""
        return sorted(
            file.relative_to(self.folder).as_posix()
            for file in self.folder.rglob("*")
            if file.is_file()
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_file_is_fetched_checked_and_recorded(served: Served, place: Place) -> None:
    place.fetch(served.source())
    assert (place.folder / "data.bin").read_bytes() == CONTENT
    assert place.names() == ["data.bin", MANIFEST]
    (file,) = Manifest.read(place.folder / MANIFEST).files
    assert (file.path, file.sha256) == ("data.bin", sha256(CONTENT))
    assert not place.lock.exists()  # the catalogue says it all


def test_cut_connections_are_resumed_where_they_broke(served: Served, place: Place) -> None:
    served.cuts = [CUT + 99, 30 * url.CHUNK]
    place.fetch(served.source(name="other.bin"))
    assert (place.folder / "other.bin").read_bytes() == CONTENT
    assert served.asked == ["", f"bytes={CUT}-", f"bytes={CUT + 30 * url.CHUNK}-"]
    assert place.names() == [MANIFEST, "other.bin"]


def test_an_interrupted_download_goes_on_in_the_next_job(served: Served, place: Place) -> None:
    served.cuts = [CUT] + [0] * 5
    with pytest.raises(PolymathError, match=r"failed 6 times.*resumes at 0\.3 MB"):
        place.fetch(served.source())
    assert "data.bin" not in place.names()
    place.fetch(served.source())
    assert served.asked[-1] == f"bytes={CUT}-"
    assert (place.folder / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("wrong", "again"), [({"has_ranges": False}, []), ({"shifts_ranges": True}, [""])]
)
def test_a_server_that_ignores_ranges_or_sends_others_is_asked_for_the_whole(
    served: Served, place: Place, wrong: dict[str, bool], again: list[str]
) -> None:
    vars(served).update(wrong, cuts=[CUT])
    place.fetch(served.source())
    assert served.asked == ["", f"bytes={CUT}-", *again]
    assert (place.folder / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("heeds_conditions", [True, False])
def test_a_file_that_changes_between_two_parts_is_fetched_anew(
    served: Served, place: Place, heeds_conditions: bool
) -> None:
    served.heeds_conditions = heeds_conditions
    served.cuts = [CUT] + [0] * 5
    with pytest.raises(PolymathError):
        place.fetch(served.source(sha256=None))
    served.content, served.version = CONTENT[::-1], '"two"'
    place.fetch(served.source(sha256=None))
    assert served.asked[6:] == [f"bytes={CUT}-", *([] if heeds_conditions else [""])]
    assert (place.folder / "data.bin").read_bytes() == CONTENT[::-1]


def test_without_version_or_checksum_nothing_is_resumed(served: Served, place: Place) -> None:
    served.cuts, served.version = [CUT], None
    place.fetch(served.source(sha256=None))
    assert served.asked == ["", ""]
    served.cuts, served.asked = [CUT], []
    place.fetch(served.source(name="known.bin"))
    assert served.asked == ["", f"bytes={CUT}-"]
    assert (place.folder / "known.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_deleted_and_named(served: Served, place: Place) -> None:
    source = served.source()
    served.content = b"something else"
    with pytest.raises(PolymathError) as caught:
        place.fetch(source)
    message = str(caught.value)
    for part in (source.files[0].url, sha256(b"something else"), sha256(CONTENT), "Run again"):
        assert part in message
    assert place.names() == []


def test_a_busy_server_is_asked_again(served: Served, place: Place) -> None:
    served.statuses = [503, 429, 500]
    place.fetch(served.source())
    assert len(served.asked) == 4
    assert (place.folder / "data.bin").read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(served: Served, place: Place) -> None:
    served.statuses = [503] * 20
    with pytest.raises(PolymathError, match=r"data\.bin: the server answered 503.*after 5 retries"):
        place.fetch(served.source())
    assert len(served.asked) == 6


@pytest.mark.parametrize(
    ("status", "remedy"), [(403, "kind: path"), (404, "check 'url'"), (410, "check 'url'")]
)
def test_a_refusal_is_final(served: Served, place: Place, status: int, remedy: str) -> None:
    served.statuses = [status]
    with pytest.raises(
        PolymathError, match=rf"/data\.bin: the server answered {status} .*{remedy}"
    ):
        place.fetch(served.source())
    assert len(served.asked) == 1


def test_no_server_is_an_error_with_a_remedy(served: Served, place: Place) -> None:
    remedy = r"failed 6 times.*Check the network"
    with refusing() as address, pytest.raises(PolymathError, match=remedy):
        place.fetch(served.source(url=f"{address}/data.bin"))


def test_mirrors_are_tried_in_order_and_each_failure_is_named(served: Served, place: Place) -> None:
    first, second, good = (
        f"{served.address}/{name}" for name in ("a.bin", "b.bin", "files/data.bin")
    )
    place.fetch(served.source(url=first, mirrors=(second, good), name="data.bin"))
    assert served.paths == ["/a.bin", "/b.bin", "/files/data.bin"]
    assert place.names() == ["data.bin", MANIFEST]
    log = "\n".join(place.logged)
    for line in (f"{first}: the server answered 404", f"the mirror {good}", f"downloading {good}"):
        assert line in log
    with pytest.raises(PolymathError) as caught:
        place.fetch(served.source(url=first, mirrors=(second,)))
    for address in (first, second):
        assert f"{address}: the server answered 404" in str(caught.value)


def test_a_mirror_with_other_bytes_is_left_for_the_next(served: Served, place: Place) -> None:
    stale, good = (f"{served.address}/files/data.bin?{name}" for name in ("old", "new"))
    source = served.source(url=stale, mirrors=(good,), name="data.bin")
    served.content, served.statuses = b"an older file", []
    with pytest.raises(PolymathError) as caught:
        place.fetch(source)
    assert str(caught.value).count(sha256(b"an older file")) == 2
    assert place.names() == []


def test_a_partial_download_is_not_left_behind_where_a_mirror_helps(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(url, "RETRIES", 0)
    served.cuts = [CUT]
    address = f"{served.address}/files/data.bin"
    place.fetch(served.source(mirrors=(f"{address}?mirror",)))
    assert served.paths == ["/files/data.bin", "/files/data.bin?mirror"]
    assert place.names() == ["data.bin", MANIFEST]


def test_mirrors_are_no_part_of_what_a_source_is(served: Served, place: Place) -> None:
    alone, mirrored = served.source(), served.source(mirrors=("https://h/data.bin",))
    place.fetch(alone)
    manifest = place.folder / MANIFEST
    assert explain_change(manifest, describe_source(mirrored), []) is None
    assert Lock.of(place.lock, manifest, alone) == Lock.of(place.lock, manifest, mirrored)
    assert "mirrors" not in manifest.read_text()


def test_a_long_download_says_how_far_it_is(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.0)
    served.cuts = [CUT]
    place.fetch(served.source())
    told = [line for line in place.logged if line.endswith("of 1.0 MB")]
    assert told[-1] == "1.0 of 1.0 MB"
    assert "connection lost at 0.3 MB: retrying" in place.logged


def test_a_first_checksum_is_kept_and_enforced(served: Served, place: Place) -> None:
    source = served.source(sha256=None)
    place.fetch(source)
    (entry,) = read_json(place.lock)["raw/odd"].values()
    assert entry == {"files": {"data.bin": sha256(CONTENT)}}
    place.fetch(source)  # the same again is fine
    served.content, served.version = b"new", '"two"'
    with pytest.raises(PolymathError) as caught:
        place.fetch(source)
    message = str(caught.value)
    assert sha256(b"new") in message
    assert f"delete the entry 'raw/odd' of {place.lock}" in message
    place.lock.unlink()
    place.fetch(source)
    assert (place.folder / "data.bin").read_bytes() == b"new"


@pytest.mark.parametrize("build", BUILDERS)
def test_members_are_taken_out_under_their_paths(
    served: Served, place: Place, build: Callable[[dict[str, bytes]], bytes]
) -> None:
    served.content = build(MEMBERS)
    place.fetch(served.source(members=("*.mid", "c.csv")))
    assert place.names() == ["c.csv", MANIFEST, "set/2004/a.mid", "set/2004/b.mid"]
    assert (place.folder / "set/2004/b.mid").read_bytes() == b"B"
    listed = [file.path for file in Manifest.read(place.folder / MANIFEST).files]
    assert listed == ["c.csv", "set/2004/a.mid", "set/2004/b.mid"]


def test_a_pattern_without_a_member_names_the_nearest_and_keeps_the_download(
    served: Served, place: Place
) -> None:
    served.content = zip_of(MEMBERS)
    with pytest.raises(PolymathError, match=r"no member matches 'd\.csv': did you mean 'c\.csv'"):
        place.fetch(served.source(members=("d.csv",)))
    place.fetch(served.source(members=("c.csv",)))
    assert served.asked == ["", f"bytes={len(served.content)}-"]
    assert place.names() == ["c.csv", MANIFEST]


def test_a_file_in_two_archives_is_refused(served: Served, place: Place) -> None:
    served.content = zip_of(MEMBERS)
    (file,) = served.source(members=("c.csv",)).files
    twice = UrlSource(kind="url", files=(file, file.model_copy(update={"name": "again.zip"})))
    with pytest.raises(PolymathError, match=r"'c\.csv' also comes from an address before it"):
        place.fetch(twice)


@pytest.mark.parametrize("name", [MANIFEST, CHECKED])
def test_a_member_may_not_take_the_place_of_polymaths_own_files(
    name: str, served: Served, place: Place
) -> None:
    served.content = zip_of({name: b"{}"})
    with pytest.raises(PolymathError, match=rf"{name}: the source has a file of this name"):
        place.fetch(served.source(members=("*",)))


def test_a_secret_reaches_the_server_and_nothing_else(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{served.address}/files/data.bin?token=${{POLYMATH_SECRET_HERE}}"
    source = served.source(url=address, sha256=None)
    with pytest.raises(PolymathError, match="POLYMATH_SECRET_HERE is not set"):
        place.fetch(source)
    monkeypatch.setenv("POLYMATH_SECRET_HERE", "hunter2")
    place.fetch(source)
    assert served.paths == ["/files/data.bin?token=hunter2"]
    written = [file.read_bytes() for file in place.root.rglob("*") if file.is_file()]
    assert not any(b"hunter2" in content for content in [*written, str(place.logged).encode()])
    served.cuts = [0] * 10
    (place.folder / "data.bin").unlink()
    monkeypatch.setattr(url, "RETRIES", 0)
    with pytest.raises(PolymathError, match="POLYMATH_SECRET_HERE") as caught:
        place.fetch(source)
    assert "hunter2" not in str(caught.value)


MIRRORED = {"mirrors": ["https://m/x"], "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"url": "https://u:hunter2@h/x"}, "POLYMATH_SECRET_NAME"),
        ({"url": "https://h/x?token=hunter2"}, "POLYMATH_SECRET_NAME"),
        ({**MIRRORED, "mirrors": ["https://u:hunter2@m/x"]}, "POLYMATH_SECRET_NAME"),
        ({**MIRRORED, "mirrors": ["ftp://m/x"]}, "mirrors"),
        ({**MIRRORED, "sha256": None}, "sha256"),
        ({**MIRRORED, "url": "https://m/x"}, "twice"),
        *(({"name": name}, "name") for name in ("..", ".", "a\0b", "a\nb")),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_no_secret_repeated(
    changes: dict[str, object], remedy: str
) -> None:
    file = {"url": "https://h/x", **changes}
    with pytest.raises(PolymathError, match=remedy) as caught:
        parse(UrlSource, {"kind": "url", "files": [file]}, "config")
    assert "hunter2" not in str(caught.value)
