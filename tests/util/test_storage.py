"""Files appear under their final name only when whole."""

import os
import resource
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import (
    read_json,
    read_metadata,
    read_with_metadata,
    set_aside,
    whole_file,
    write_sealed_json,
    write_table,
)

SCHEMA = pa.schema([("id", pa.string()), ("value", pa.float64())])
ROWS = pd.DataFrame({"id": ["a", "b", "c"], "value": [0.5, -1.0, 2.0]})


def test_a_file_appears_under_its_final_name_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.csv"
    with whole_file(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_file_do_not_collide(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with whole_file(target) as first:
        with whole_file(target) as second:
            assert first != second
            first.write_text("first")
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_each_flipped_byte_of_a_table_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(ROWS, path, SCHEMA, {"seed": 1})
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        with pytest.raises(DamagedError, match=r"table\.parquet is damaged"):
            read_with_metadata(path)
    path.write_bytes(whole)
    table, metadata = read_with_metadata(path)
    assert table.equals(ROWS)
    assert metadata == {"seed": 1}


def test_a_table_has_page_checksums_for_other_readers(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(ROWS, path, SCHEMA, {})
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(1)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start + column.total_compressed_size - 1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(path, page_checksum_verification=True)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 2000])
def test_what_is_no_table_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    for read in (read_with_metadata, read_metadata):
        with pytest.raises(DamagedError, match=r"table\.parquet is damaged"):
            read(path)


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe"])
def test_what_is_no_json_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"card\.json is damaged"):
        read_json(path)


def test_each_flipped_byte_of_a_sealed_json_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    value = {"rows": 240, "names": ["é", "b"], "share": 0.1, "of": {"test": 24}}
    write_sealed_json(value, path)
    assert read_json(path) == value
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        try:
            read = read_json(path)
        except DamagedError:
            continue
        assert {name: read[name] for name in value} == value, "of the seal's own name alone"


def test_a_table_that_the_machine_cannot_open_is_not_damaged(tmp_path: Path) -> None:
    """It would be trained again."""
    path = tmp_path / "table.parquet"
    write_table(ROWS, path, SCHEMA, {"seed": 1})
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            read_metadata(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    assert read_metadata(path) == {"seed": 1}


def test_a_missing_result_is_made_by_the_same_command(tmp_path: Path) -> None:
    for read in (read_with_metadata, read_json):
        with pytest.raises(PolymathError, match="nothing is missing: run the same command"):
            read(tmp_path / "nothing")


def test_a_damaged_result_is_set_aside_so_that_it_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_text("x")
    assert "table.parquet.damaged is kept" in set_aside(DamagedError(path, "cut"))
    assert [file.name for file in tmp_path.iterdir()] == ["table.parquet.damaged"]
    assert "delete" in set_aside(DamagedError(path, "cut"))


def test_bytes_reach_the_disk_before_the_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, seen = tmp_path / "table.csv", []

    def flush(handle: int) -> None:
        flushed = Path(f"/proc/self/fd/{handle}").resolve()
        seen.append((flushed == tmp_path, target.exists()))

    monkeypatch.setattr(os, "fsync", flush)
    with whole_file(target) as temporary:
        temporary.write_text("whole")
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_a_files_mode_follows_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "x.json"):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == mode
