"""Files that are damaged, hostile or merely odd: each is read, or refused with its place."""

import gzip
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from polymath.data.fetch import expansion
from polymath.util.errors import PolymathError
from support.own_data import read, write


def test_flipped_bits_of_a_parquet_file_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    lists = [[1, 2], [3], []] * 10
    table = pd.DataFrame({"s": ["AC", "G", "T"] * 10, "y": [1.5] * 30, "l": lists})
    table.to_parquet(path)
    whole = path.read_bytes()
    refused = 0
    for number in range(0, 8 * len(whole), 401):
        damaged = bytearray(whole)
        damaged[number // 8] ^= 1 << number % 8
        path.write_bytes(damaged)
        try:
            read(path, format="parquet")
        except PolymathError:
            refused += 1
    assert refused > 10


def test_checksums_of_a_parquet_files_pages_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"s": ["ACGTACGTAC"] * 3, "y": ["a", "b", "c"]})
    pq.write_table(
        table,
        path,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
        write_statistics=False,
    )
    path.write_bytes(path.read_bytes().replace(b"ACGTACGTAC", b"ACGTTCGTAC", 1))
    with pytest.raises(PolymathError, match=r"a\.parquet: not readable as Parquet.*CRC"):
        read(path, format="parquet")


@pytest.mark.parametrize(
    ("names", "columns"),
    [([None, None], ["index_0", "index_1"]), (["x", "y"], ["x", "y"]),
     (["x", None], ["x", "index_1"]),
     (["x", "x"], []), (["s", "y"], ["y"])],
)  # fmt: skip
def test_indices_of_several_levels(
    names: list[str | None], columns: list[str], tmp_path: Path
) -> None:
    index = pd.MultiIndex.from_product([["a", "b"], ["c", "d"]], names=names)
    pd.DataFrame({"s": ["AC", "G", "T", "C"]}, index=index).to_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet", format="parquet")
    assert list(table["s"]) == ["AC", "G", "T", "C"]
    if names != ["s", "y"]:  # a level that is called like a column is left out, as are its others
        assert [name for name in columns if name not in table] == []
        assert [list(table[name]) for name in columns] == [
            ["a", "a", "b", "b"], ["c", "d", "c", "d"]
        ][: len(columns)]  # fmt: skip


def test_columns_with_numbers_for_names_are_found_by_their_text(tmp_path: Path) -> None:
    pd.DataFrame([["AC", "x"]]).to_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet", format="parquet", sequence="0", label="1")
    assert (table["0"][0], table["1"][0]) == ("AC", "x")


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    pd.DataFrame({"s": [b"AC", b"\xff"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(PolymathError, match=r"a\.parquet: row 2: column 's'"):
        read(tmp_path / "a.parquet", format="parquet")


HALF = r"\ud800"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'[{{"s": "A"}}, {{"s": "A{HALF}"}}]', "row 2: column 's'"),
        (f'{{"s": "A"}}\n{{"s": "C", "y": ["{HALF}"]}}\n', "line 2: column 'y'"),
        (f'[{{"s": "A", "{HALF}": 1}}]', "row 1: column"),
    ],
)
def test_half_characters_are_named(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=rf"a\.json: {place}.*{re.escape(HALF)}"):
        read(write(tmp_path / "a.json", text), format="json")


def test_whole_characters_beyond_the_first_plane_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", r'[{"s": "\ud83e\uddec"}]')
    assert read(path, format="json")["s"][0] == "\N{DNA DOUBLE HELIX}"


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape"])
def test_encodings_that_allow_half_characters(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "s,y\nA+2AA-,b\n\\ud800,c\n")
    with pytest.raises(PolymathError, match=r"a\.csv: .*'encoding'"):
        read(path, format="csv", encoding=encoding)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "place"),
    [(DEEP, "a.json: "), (f'[{{"s": {DEEP}', "a.json: "),
     (f'{{"s": "A"}}\n{{"s": {DEEP}\n', "a.json: line 2: ")],
)  # fmt: skip
def test_values_that_are_nested_too_deeply_are_named(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=f"{place}.*nested"):
        read(write(tmp_path / "a.json", text), format="json")


def test_gzip_that_grows_too_far_is_refused_with_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"s,y\n" + b"A,b\n" * 2_000))
    assert len(read(path, format="csv")) == 2_000  # little, from whatever file
    monkeypatch.setattr(expansion, "UNSUSPICIOUS", 5_000)
    monkeypatch.setattr(expansion, "RATIO", 20)
    with pytest.raises(PolymathError, match=rf"{path}: .* 20 times .*unpack"):
        read(path, format="csv")
    monkeypatch.setattr(expansion, "RATIO", 2_000)
    monkeypatch.setattr(expansion, "LARGEST", 7_000)
    with pytest.raises(PolymathError, match=rf"{path}: .*unpack"):
        read(path, format="csv")


def test_a_workbook_that_grows_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Workbook()
    for _ in range(200):
        book.active.append(["AC", "x"])
    book.save(tmp_path / "a.xlsx")
    monkeypatch.setattr(expansion, "UNSUSPICIOUS", 1_000)
    monkeypatch.setattr(expansion, "RATIO", 1)
    with pytest.raises(PolymathError, match=r"a\.xlsx: .* MB, "):
        read(tmp_path / "a.xlsx", format="xlsx")


def test_a_header_that_is_repeated_amid_a_table_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "s,y\nAC,1\ns,y\nGT,0\ns,y\n")
    with pytest.raises(
        PolymathError, match=r"a\.csv: the header is repeated on line 3, 5: .*\[3, 5\]"
    ):
        read(path, format="csv")
    assert len(read(path, format="csv", skip_lines=[3, 5])) == 2


STRUCTURED = ">a x\nMKVLAA\nCHHHEC\n>b y\nMKV\nCEC\n"


def test_lines_of_secondary_structure_are_not_read_as_sequence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fasta", STRUCTURED)
    with pytest.raises(PolymathError, match=r"a\.fasta: each record .*'lines_per_row: 3'"):
        read(path, format="fasta")
    pattern = r">(?P<id>\S+) (?P<label>\S+)\n(?P<sequence>.*)\n.*"
    table = read(path, format="lines", lines_per_row=3, pattern=pattern)
    assert table["sequence"].tolist() == ["MKVLAA", "MKV"]


@pytest.mark.parametrize(
    "text",
    [STRUCTURED.replace("CHHHEC", "CHHHEM"), STRUCTURED.replace("MKV\n", "MK\n"),
     ">a\nCHE\nECH\n>b\nCC\nEE\n", ">a\nMKV\nCEC\n"],
)  # fmt: skip
def test_sequences_of_several_lines_are_joined(text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.fasta", text)
    records = text.split(">")[1:]
    joined = ["".join(record.splitlines()[1:]) for record in records]
    assert read(path, format="fasta")["sequence"].tolist() == joined
