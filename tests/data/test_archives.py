"""Files are taken out of archives, and none ever leaves its folder."""

import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polymath.data.fetch.archives import extract
from polymath.util.errors import PolymathError
from support.archives import BUILDERS, CONTENT, tar_of, zip_of


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "a\\..\\..\\out.txt"]
)
def test_a_member_that_would_leave_the_folder_is_refused(
    tmp_path: Path, build: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(build({"good.txt": b"good", name: b"bad"}))
    with pytest.raises(PolymathError) as caught:
        extract(archive, "here", ("*",), tmp_path / "in" / "folder")
    assert f"here: the member '{name}' would be written outside" in str(caught.value)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [archive]
    assert not Path("/tmp/out.txt").exists()
    assert extract(archive, "here", ("good.txt",), tmp_path / "in") == [tmp_path / "in/good.txt"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, None])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes | None) -> None:
    archive = tmp_path / "archive"
    if kind is None:
        with zipfile.ZipFile(archive, "w") as packed:
            link = zipfile.ZipInfo("link.txt")
            link.external_attr = 0o120777 << 16
            packed.writestr(link, "/etc/passwd")
    else:
        with tarfile.open(archive, "w") as tape:
            member = tarfile.TarInfo("link.txt")
            member.type, member.linkname = kind, "/etc/passwd"
            tape.addfile(member)
    with pytest.raises(PolymathError, match=r"'link\.txt' is a link, a device"):
        extract(archive, "here", ("*",), tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("build", BUILDERS)
def test_a_damaged_archive_is_named(
    tmp_path: Path, build: Callable[[dict[str, bytes]], bytes]
) -> None:
    archive = tmp_path / "archive"
    whole = build({"a.bin": CONTENT[:5000], "b.bin": CONTENT[:70000]})
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PolymathError, match="here: not a zip or tar archive, or damaged"):
        extract(archive, "here", ("*",), tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_locked_archive_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    packed = bytearray(zip_of({"a.txt": b"secret"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + offset] |= 1  # the flag of encryption
    archive.write_bytes(packed)
    with pytest.raises(PolymathError, match=r"encrypted.*kind: path"):
        extract(archive, "here", ("*",), tmp_path / "folder")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(["..", ".", "", "a", "b.txt", "~"]), min_size=1, max_size=5))
def test_nothing_is_ever_written_outside_the_folder(tmp_path: Path, parts: list[str]) -> None:
    name = "/".join(parts)
    archive, folder = tmp_path / "archive.tar", tmp_path / "some" / "folder"
    archive.write_bytes(tar_of({name: b"x"}, "w"))
    try:
        written = extract(archive, "here", ("*",), folder)
    except (PolymathError, OSError):
        written = []
    outside = [
        file
        for file in tmp_path.rglob("*")
        if file.is_file() and not file.is_relative_to(folder) and file != archive
    ]
    assert outside == []
    assert all(file.resolve().is_relative_to(folder.resolve()) for file in written)


def hostile_zip(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def test_an_archive_that_would_fill_the_disk_is_refused_with_the_limits(tmp_path: Path) -> None:
    bomb = hostile_zip(tmp_path / "bomb.zip", ("a.txt", bytes(50_000_000)))
    with pytest.raises(PolymathError, match=r"50 MB.* 20 GB and 200 times"):
        extract(bomb, "bomb.zip", ("*",), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_archive_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    packed = hostile_zip(tmp_path / "lies.zip", ("a.txt", bytes(3_000_000)))
    content = packed.read_bytes().replace((3_000_000).to_bytes(4, "little"), bytes([9, 0, 0, 0]))
    packed.write_bytes(content)
    with pytest.raises(PolymathError, match=r"lies.zip"):
        extract(packed, "lies.zip", ("*",), tmp_path / "out")


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as holes:
        holes.truncate(1 << 40)
    command = ["tar", "--sparse", "-cf", str(tmp_path / "holes.tar"), "-C", str(tmp_path), "holes"]
    subprocess.run(command, check=True, timeout=60)
    with pytest.raises(PolymathError, match="file with holes"):
        extract(tmp_path / "holes.tar", "holes.tar", ("*",), tmp_path / "out")


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ([("x" * 300, b"a")], "longer than 255"),
        ([("", b"a")], "is empty"),
        ([(".", b"a")], "empty"),
        ([("a", b"a"), ("a/b", b"a")], "both a file and a folder"),
    ],
)
def test_names_that_no_file_can_have_are_refused(
    members: list[tuple[str, bytes]], word: str, tmp_path: Path
) -> None:
    odd = hostile_zip(tmp_path / "odd.zip", *members)
    with pytest.raises(PolymathError, match=f"odd.zip: .*{word}"):
        extract(odd, "odd.zip", ("*",), tmp_path / "out")
