"""Forms of files that users have: each is read as it is meant, or refused with its place."""

import gzip
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import Workbook

from polymath.data.readers import PLACE, ReadingNotes, read_rows
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError
from support.labelled_words import WORDS
from support.music import write_midi
from support.own_data import read, write


def test_a_field_may_be_longer_than_the_csv_modules_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"sequence,label\n{'A' * 140_000},x\n")
    assert len(read(path, format="csv")["sequence"][0]) == 140_000


def test_quotes_do_not_join_rows_of_a_tsv(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 's\ty\n"a b\t1\nc\t2\nd"\t3\n')
    assert list(read(path, format="tsv")["s"]) == ['"a b', "c", 'd"']
    with pytest.raises(PolymathError, match=r"line 2.*'quoting: false'"):
        read(write(path, 's\ty\n"a b\nc"\t2\n'), format="tsv", quoting=True)


def test_row_names_of_r(tmp_path: Path) -> None:
    notes = ReadingNotes()
    path = write(tmp_path / "a.tsv", '"s"\t"y"\n"1"\t"AC"\t"x"\n"2"\t"GG"\t"z"\n')
    table = read(path, notes, format="tsv")
    assert (list(table["s"]), list(table["y"])) == (["AC", "GG"], ["x", "z"])
    assert any("row_name" in notice for notice in notes.notices)


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 's,y\n\nA,"1\n2"\n\nC,3\n')
    assert [place.rsplit(": ")[-1] for place in read(path, format="csv")[PLACE]] == [
        "line 3", "line 6",
    ]  # fmt: skip


def test_another_delimiter_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "sequence;label\nAC;0,5\n")
    with pytest.raises(PolymathError, match='delimiter: ";"'):
        read(path, format="csv")


def test_a_table_without_a_header(tmp_path: Path) -> None:
    table = read(write(tmp_path / "a.csv", "x,AC\nz,GG\n"), format="csv", header=["label", "s"])
    assert list(table["s"]) == ["AC", "GG"]


@pytest.mark.parametrize("form", ["csv", "fasta", "json", "lines"])
def test_gzip(tmp_path: Path, form: str) -> None:
    texts = {"csv": "s\nAC\n", "fasta": ">a\nAC\n", "json": '[{"s": "AC"}]', "lines": "AC\n"}
    path = tmp_path / f"train.{form}.gz"
    path.write_bytes(gzip.compress(texts[form].encode()))
    extra: dict[str, Any] = {"pattern": "(?P<s>.+)"} if form == "lines" else {}
    table = read(path, format=form, **extra)
    assert table.iloc[0]["sequence" if form == "fasta" else "s"] == "AC"
    assert table.iloc[0]["file"] == "train"


def test_json_lines_and_keys_given_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"s": "AC"}\n\n{"s": "GG", "y": 1}\n')
    table = read(path, format="json")
    assert (list(table["s"]), list(table["y"])) == (["AC", "GG"], ["", "1"])
    assert table[PLACE][1].endswith("line 3")
    with pytest.raises(PolymathError, match="'s' twice"):
        read(write(path, '[{"s": "AC", "s": "GG"}]'), format="json")


def test_excel(tmp_path: Path) -> None:
    book = Workbook()
    for row in (["s", "y", None], [None], ["AC", 1, None], ["GG", 2.5, None]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read(tmp_path / "a.xlsx", format="xlsx")
    assert list(table[["s", "y"]].itertuples(index=False, name=None)) == [
        ("AC", "1"),
        ("GG", "2.5"),
    ]
    assert table[PLACE][0].endswith("row 3")
    book.create_sheet("more")
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(PolymathError, match=r"more.*'sheet'"):
        read(tmp_path / "a.xlsx", format="xlsx")


def rewrite_sheet(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the first sheet's XML in a workbook."""
    with zipfile.ZipFile(path) as book:
        members = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w") as book:
        for name, content in members.items():
            book.writestr(name, change(content) if name.endswith("sheet1.xml") else content)


def test_rows_of_excel_beyond_its_stated_extent_are_read(tmp_path: Path) -> None:
    book, path = Workbook(), tmp_path / "a.xlsx"
    for row in (["s", "y"], *([word, "x"] for word in WORDS)):
        book.active.append(row)
    book.save(path)
    rewrite_sheet(path, lambda xml: re.sub(rb'ref="A1:B\d+"', b'ref="A1:B9"', xml))
    assert list(read(path, format="xlsx")["s"]) == WORDS


def test_damaged_excel_is_refused_by_name(tmp_path: Path) -> None:
    book, path = Workbook(), tmp_path / "a.xlsx"
    book.active.append(["s", "y"])
    book.save(path)
    rewrite_sheet(path, lambda xml: xml[: len(xml) // 2])
    with pytest.raises(PolymathError, match=r"a\.xlsx.*whole"):
        read(path, format="xlsx")


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\x0c"])
def test_only_line_ends_end_a_line(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"wait{mark}there\nb\r\nc\rd".encode())
    table = read(path, format="lines", pattern="(?P<s>.+)")
    assert list(table["s"]) == [f"wait{mark}there", "b", "c", "d"]


def test_json_lines_have_line_separators_in_their_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"s": "wait\u2028there"}\n{"s": "b"}\n')
    table = read(path, format="json")
    assert list(table["s"]) == ["wait\u2028there", "b"]
    assert table[PLACE][1].endswith("line 2")


@pytest.mark.parametrize("form", ["parquet", "json"])
def test_lists_are_sequences_of_symbols(tmp_path: Path, form: str) -> None:
    rows = [{"sequence": ["up", "down"], "n": [1, 2]}, {"sequence": ["left"] * 1200, "n": [3]}]
    path = tmp_path / f"a.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
    else:
        pd.DataFrame(rows).to_parquet(path)
    table = read(path, format=form)
    assert [row.split() for row in table["sequence"]] == [row["sequence"] for row in rows]
    assert list(read(path, format=form, sequence="n")["n"]) == ["1 2", "3"]
    with pytest.raises(PolymathError, match=r"row 1.*'n' is a list of 2"):
        read(path, format=form, label="n")


def test_the_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    table = pd.DataFrame({"s": ["AC"]}, index=pd.Index(["g1"], name="gene"))
    table.to_parquet(tmp_path / "a.parquet")
    assert list(read(tmp_path / "a.parquet", format="parquet")["gene"]) == ["g1"]


def test_labels_in_a_table_beside_fasta_or_midi(tmp_path: Path) -> None:
    write(tmp_path / "p.fasta", ">P0 x\nAC\n>P1\nGG\n")
    write(tmp_path / "l.csv", "id;y\nP1;b\nP0;a\n")
    write_midi(tmp_path / "m.mid", [(60, 0, 1)])
    files = sorted(tmp_path.iterdir())
    fields = {"metadata": "l.csv", "metadata_key": "id", "delimiter": ";"}
    table = read_rows(files, Reader.model_validate({"format": "fasta", **fields}))
    assert list(table["y"]) == ["a", "b"]
    write(tmp_path / "l.csv", "id;y\nm;b;\n")
    table = read_rows(files, Reader.model_validate({"format": "midi", **fields}))
    assert list(table["y"]) == ["b"]
    write(tmp_path / "l.csv", "id;y\nm;b;c\n")
    with pytest.raises(PolymathError, match=r"l\.csv.*line 2"):
        read_rows(files, Reader.model_validate({"format": "midi", **fields}))


def test_unreadable_files_are_named_together_or_left_out_and_counted(tmp_path: Path) -> None:
    write_midi(tmp_path / "drums.mid", [], drums=[(36, 0, 1)])
    write_midi(tmp_path / "good.mid", [(60, 0, 1)])
    two = write_midi(tmp_path / "two.mid", [(60, 0, 1)])
    two.write_bytes(two.read_bytes()[:9] + b"\x02" + two.read_bytes()[10:])
    write(tmp_path / "song.kar", "x")
    files, notes = sorted(tmp_path.iterdir()), ReadingNotes()
    with pytest.raises(PolymathError, match=r"drums\.mid.*1 of drums[\s\S]*two\.mid.*type 2"):
        read_rows(files, Reader(format="midi"))
    table = read_rows(files, Reader(format="midi", unreadable="drop"), notes=notes)
    assert (len(table), len(notes.unreadable)) == (1, 2)
    assert "song.kar" in notes.notices[0]


def test_stray_files_beside_tables_are_noted(tmp_path: Path) -> None:
    notes = ReadingNotes()
    files = [write(tmp_path / "README.md", "#"), write(tmp_path / "a.csv", "s\nA\n")]
    assert len(read_rows(files, Reader(format="csv"), notes=notes)) == 1
    assert "README.md" in notes.notices[0]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"format": "csv", "separator": ";"}, "'delimiter'"),
        ({"format": "fasta", "header": ["a"]}, "'columns'"),
        ({"format": "fasta", "delimiter": ";"}, "'delimiter' goes with"),
        ({"format": "csv", "metadata": "x.csv"}, "'metadata' goes with"),
        ({"format": "csv", "split_names": {"A": "train", "a ": "test"}}, "'split_names'"),
    ],
)
def test_keys_that_do_not_fit_are_refused(fields: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        Reader.model_validate(fields)


SKIPPED: list[tuple[str, str, list[int], list[str]]] = [
    ("csv", "# made by x\ns,y\nA,1\nC,2\n", [1], ["A", "C"]),
    ("csv", "s,y\n-,-\nA,1\nC,2\n", [2], ["A", "C"]),
    ("csv", "s,y\nA,1\nC,2\nsum,3\n", [4], ["A", "C"]),
    ("csv", "# a\n# b\ns,y\nA,1\n\nx\nC,2\n", [6, 2, 1], ["A", "C"]),
    ("tsv", "# a\ns\ty\nA\t1\nC\t2", [1], ["A", "C"]),
    ("lines", "# a\nA 1\n\n# b\nC 2\n", [1, 4], ["A", "C"]),
]


@pytest.mark.parametrize(("form", "text", "lines", "sequences"), SKIPPED)
def test_lines_that_are_left_out(
    form: str, text: str, lines: list[int], sequences: list[str], tmp_path: Path
) -> None:
    extra: dict[str, Any] = {"pattern": r"(?P<s>\w+) (?P<y>\d)"} if form == "lines" else {}
    notes = ReadingNotes()
    path = write(tmp_path / f"a.{form}", text)
    table = read(path, notes, format=form, skip_lines=lines, **extra)
    assert (list(table["s"]), list(table["y"])) == (sequences, ["1", "2"])
    of_file = text.split("\n")
    numbers = [int(place.rsplit(" ", 1)[-1]) for place in table[PLACE]]
    assert [of_file[number - 1][0] for number in numbers] == sequences
    assert notes.notices == []
    read(path, notes, format=form, skip_lines=[*lines, 99], **extra)
    assert notes.notices[0].endswith(f"line 99, and it has {len(text.splitlines())}")
