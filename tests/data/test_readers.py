"""Every format gives rows of text; every bad file is named, with the place and the mend."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pretty_midi
import pytest

from polymath.data.readers import PLACE, read_pitches, read_rows
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError
from support.music import Note, write_midi
from support.own_data import read, write


def cells(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def read_folder(folder: Path, **reader: Any) -> pd.DataFrame:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return read_rows(files, Reader(format="midi", **reader))


# Text formats: what is read.

THREE_LINES = {"format": "lines", "lines_per_row": 3,
               "pattern": r">(?P<name>.*)\n(?P<sequence>[A-Z]+)\n(?P<label>[01])"}  # fmt: skip
LINES = {"format": "lines", "pattern": r"(?P<sequence>[A-Z]+) (?P<label>\w+)"}
CSV, TSV, FASTA, JSON = ({"format": name} for name in ("csv", "tsv", "fasta", "json"))
HEADER = {**FASTA, "columns": {"header": r"(?P<id>\w+) (?P<place>\S+)(?: (?P<part>\w+))?"}}
# A reader, a file's text, and its rows by column.
READ: dict[str, tuple[dict[str, Any], str | bytes, dict[str, list[str]]]] = {
    "csv": (CSV, "seq,y\nACGT,a\nAC,b\n", {"seq": ["ACGT", "AC"], "y": ["a", "b"],
                                            "file": ["own", "own"]}),
    "tsv": (TSV, "seq\ty\nACGT\ta\nAC\tb\n", {"seq": ["ACGT", "AC"], "y": ["a", "b"]}),
    "other delimiter": ({**CSV, "delimiter": ";"}, "seq;y\nA,C;1\n", {"seq": ["A,C"], "y": ["1"]}),
    "values stay text": (CSV, "seq,y\nNA,01\nnull,1e3\n", {"seq": ["NA", "null"],
                                                            "y": ["01", "1e3"]}),
    "quotes": ({**TSV, "quoting": True}, 'seq\ty\n"A"\t1\n', {"seq": ["A"]}),
    "no quotes": (TSV, 'seq\ty\n"A"\t1\n', {"seq": ['"A"']}),
    "skipped lines and byte order mark": (
        {**CSV, "skip_lines": [2]}, "\ufeffseq,y\n---,---\nA,1\n", {"seq": ["A"], "y": ["1"]},
    ),
    "row that ends early": (CSV, "seq,y\nA,1\nC\n", {"seq": ["A", "C"], "y": ["1", ""]}),
    "trailing delimiters": (CSV, "seq,y\nA,1,\nC,2,\n", {"seq": ["A", "C"], "y": ["1", "2"]}),
    "fasta": (FASTA, ">a1 x=1|2\nACGT\nAC\n>a2\nGG\n", {"header": ["a1 x=1|2", "a2"],
                                                        "sequence": ["ACGTAC", "GG"]}),
    "fasta with a byte order mark": (FASTA, b"\xef\xbb\xbf>\xc3\xa9\nAC\n", {"header": ["é"]}),
    "fasta in latin-1": ({**FASTA, "encoding": "latin-1"}, b">\xe9\nAC\n", {"header": ["é"]}),
    "fasta header": (HEADER, ">Q1 Golgi-M test\nAC\n>Q2 Golgi-S\nGG\n", {
        "id": ["Q1", "Q2"], "place": ["Golgi-M", "Golgi-S"], "part": ["test", ""]}),
    "lines": ({**LINES, "skip_lines": [1]}, "comment\nACGT even\n\nAC odd\n",
              {"sequence": ["ACGT", "AC"], "label": ["even", "odd"]}),
    "rows of several lines": (
        {**THREE_LINES, "skip_lines": [1]}, "x\n>a\nACGT\n0\n\n>b\nGG\n1\n",
        {"name": ["a", "b"], "sequence": ["ACGT", "GG"], "label": ["0", "1"]},
    ),
    "json": (
        JSON, '[{"seq": "AC", "y": [0.10], "n": 1, "on": true}, '
        '{"seq": "GG", "y": [1e-3], "note": null, "on": [1, 2]}]',
        {"seq": ["AC", "GG"], "y": ["0.10", "1e-3"], "n": ["1", ""], "note": ["", ""],
         "on": ["true", '["1", "2"]']},
    ),
    "columns out of columns": (
        {**CSV, "columns": {"place": "(?P<organ>.+)-(?P<mark>[MS])", "file": "(?P<start>.).*"}},
        "seq,place\nAC,Golgi-M\nGG,Cell-wall-S\n",
        {"organ": ["Golgi", "Cell-wall"], "mark": ["M", "S"], "start": ["o", "o"],
         "place": ["Golgi-M", "Cell-wall-S"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_read(tmp_path: Path, case: str) -> None:
    reader, text, columns = READ[case]
    table = read(write(tmp_path / "own.txt", text), **reader)
    assert {name: list(table[name]) for name in columns} == columns
    assert set(table["folder"]) == {tmp_path.name}


@pytest.mark.parametrize(
    ("case", "place"),
    [("csv", "line 3"), ("json", "row 2"), ("fasta", "record 2"), ("lines", "line 4"),
     ("rows of several lines", "line 6")],
)  # fmt: skip
def test_where_a_row_stands(tmp_path: Path, case: str, place: str) -> None:
    reader, text, _ = READ[case]
    table = read(write(tmp_path / "own.txt", text), **reader)
    assert table[PLACE].iloc[1] == f"{tmp_path / 'own.txt'}: {place}"


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "label=x" / "own.parquet"
    path.parent.mkdir()
    pd.DataFrame({"seq": ["A", None], "y": [1.5, 2.0], "n": [1, 2]}).to_parquet(path)
    table = read(path, format="parquet")
    assert cells(table, "seq", "y", "n") == [("A", "1.5", "1"), ("", "2.0", "2")]
    assert "label" not in table  # no column from Hive-like folder names


# Text formats: what is refused, with the place and the option to look at.

PLACES = {**CSV, "columns": {"place": "(?P<organ>.+)-[MS]"}}
LATIN = b">\xe9\nAC\n"
REFUSED: dict[str, tuple[dict[str, Any], str | bytes, list[str]]] = {
    **{
        f"too many fields {number}": (
            CSV, "seq,y\n" + rows, [": ", "csv", "'delimiter'", "'quoting'", "'encoding'"],
        )
        for number, rows in enumerate(["A,1,x\nC,2,y\n", "A,1\nC,2,y\n", "A,1,x\nC,2\n"])
    },
    "parquet": ({"format": "parquet"}, "seq,y\nA,1\n", [": ", "Parquet"]),
    "not fasta": (FASTA, "ACGT\n>a\nAC\n", [": ", "FASTA", "'>'"]),
    "line": (LINES, "AC odd\nac odd\n",
             [": line 2 ", repr(LINES["pattern"]), "'ac odd'", "'skip_lines'"]),
    **{
        f"several lines {number}": (
            THREE_LINES, ">a\nACGT\n0\n" + rest,
            [": line 4 ", "the first of 3", repr(THREE_LINES["pattern"])],
        )
        for number, rest in enumerate([">b\nGG\n", ">b\nGG\n2\n", ">b\nGG\n>c\nAC\n1\n"])
    },
    "lines missing at the end": (
        {"format": "lines", "pattern": r"(?P<sequence>[A-Z]+)(\n(?P<label>[01]))?",
         "lines_per_row": 2}, "AC\n0\nGG\n", [": line 3 ", "the first of 2"],
    ),
    "json cut short": (JSON, '[{"seq": "AC"}, {"se', [": ", "json", "Unterminated string"]),
    "not json": (JSON, "seq,y\nA,1\n", [": ", "json", "Expecting value"]),
    "several json values": (JSON, '["AC"]\n["GG"]\n', [": ", "json", "Extra data"]),
    "json object": (JSON, '{"seq": ["AC", "GG"]}', [": ", "list of objects"]),
    "json of texts": (JSON, '["AC", "GG"]', [": ", "list of objects"]),
    "json without rows": (JSON, "[]", [": no rows", "'format'"]),
    "value that does not fit": (
        PLACES, "place\nGolgi-M\nGolgi\n",
        [": line 3: ", "'place'", "'(?P<organ>.+)-[MS]'", "'Golgi'", "'columns'"],
    ),
    "column that is not there": (PLACES, "plac\nGolgi\n",
                                 [": ", "'place'", "'columns'", "did you mean 'plac'?"]),
    "group named as a column": (
        {**FASTA, "columns": {"header": "(?P<sequence>.+)"}}, ">a\nAC\n",
        [": ", "header", "'sequence'", "another name"],
    ),
    "group named twice": (
        {**CSV, "columns": {"seq": "(?P<part>.).*", "y": "(?P<part>.).*"}}, "seq,y\nAC,1\n",
        [": ", "y", "'part'", "another name"],
    ),
    "place of a row": ({**CSV, "columns": {"@place": "(?P<file>.+)"}}, "seq,y\nAC,1\n",
                       [": no column '@place'", "'columns'"]),
    "csv without rows": (CSV, "seq,y\n", [": no rows", "'format'"]),
    "lines without rows": (LINES, "\n \n", [": no rows", "'format'"]),
    **{f"empty {reader['format']}": (reader, "", [": the file is empty"])
       for reader in (CSV, TSV, LINES, FASTA, JSON)},
    **{f"{reader['format']} in {encoding}": ({**reader, "encoding": encoding}, LATIN,
                                             [": not readable", "'encoding'"])
       for reader in (CSV, TSV, LINES, FASTA, JSON) for encoding in ("utf-8", "no-such-encoding")},
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    reader, text, parts = REFUSED[case]
    path = tmp_path / "own.txt"
    with pytest.raises(PolymathError) as caught:
        read(write(path, text), **reader)
    assert re.match(".*".join(map(re.escape, [f"{path}", *parts])), str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"columns": {"x": "(?P<y>."}}, "'columns: x' is not a regular expression: "),
        ({"columns": {"x": "(.)"}}, "'columns: x' has no named group, as (?P<label>...)"),
        ({"lines_per_row": 3}, "'lines_per_row' goes with format 'lines' only"),
    ],
)
def test_readers_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Reader(format="csv", **fields)


# MIDI.


def test_notes_by_onset_then_pitch_without_drums(tmp_path: Path) -> None:
    notes = [(67, 0.5, 0.6), (72, 0.0, 4.0), (60, 0.5, 3.0), (64, 0.0, 0.25), (50, 1.0, 1.1)]
    path = write_midi(tmp_path / "a.mid", notes, drums=[(36, 0.0, 0.1), (38, 0.5, 0.6)])
    assert read_pitches(path) == [64, 72, 60, 67, 50]


def test_instruments_are_merged(tmp_path: Path) -> None:
    midi = pretty_midi.PrettyMIDI()
    for program, pitches in ((0, [60, 62]), (40, [50, 72])):
        instrument = pretty_midi.Instrument(program=program)
        instrument.notes = [
            pretty_midi.Note(80, pitch, start, start + 1) for start, pitch in enumerate(pitches)
        ]
        midi.instruments.append(instrument)
    midi.write(str(tmp_path / "a.mid"))
    assert read_pitches(tmp_path / "a.mid") == [50, 60, 62, 72]


def test_midi_label_by_folder(tmp_path: Path) -> None:
    write_midi(tmp_path / "bach" / "a.mid", [(60, 0, 1), (62, 1, 2)])
    write_midi(tmp_path / "chopin" / "b.MIDI", [(70, 0, 1)])
    (tmp_path / "README.txt").write_text("not a score")
    table = read_folder(tmp_path)
    assert cells(table, "sequence", "file", "folder") == [
        ("60 62", "a", "bach"),
        ("70", "b", "chopin"),
    ]


def write_two_scores(folder: Path) -> None:
    write_midi(folder / "2004" / "a.mid", [(60, 0, 1)])
    write_midi(folder / "2006" / "b.midi", [(70, 0, 1)])


def test_midi_label_by_metadata(tmp_path: Path) -> None:
    write_two_scores(tmp_path)
    (tmp_path / "meta.csv").write_text(
        "midi_filename,composer,file,folder\n2004/a.mid,bach,x,y\n2006/b.midi,chopin,x,y\n"
    )
    table = read_folder(tmp_path, metadata="meta.csv", metadata_key="midi_filename")
    assert cells(table, "sequence", "composer", "file", "folder") == [
        ("60", "bach", "a", "2004"),
        ("70", "chopin", "b", "2006"),
    ]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("file,y\na,1\n", "no row for 1 files, b: "),
        ("file,y\na,1\na.mid,2\nb,1\n", "line 3: file 'a' is named twice in 'file'"),
        ("fil,y\na,1\nb,2\n", "no column 'file' for 'metadata_key': did you mean 'fil'?"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path: Path, metadata: str, message: str) -> None:
    write_two_scores(tmp_path)
    (tmp_path / "meta.csv").write_text(metadata)
    with pytest.raises(PolymathError) as caught:
        read_folder(tmp_path, metadata="meta.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'meta.csv'}: {message}")


def test_metadata_with_folders_tells_files_of_one_name_apart(tmp_path: Path) -> None:
    for year in ("2004", "2006"):
        write_midi(tmp_path / "maestro" / year / "a.midi", [(int(year) % 100 + 40, 0, 1)])
    path = tmp_path / "maestro" / "meta.csv"
    path.write_text("midi_filename,composer\n2006/a.midi,chopin\n2004/a.midi,bach\n")
    table = read_folder(tmp_path, metadata="meta.csv", metadata_key="midi_filename")
    assert cells(table, "sequence", "composer", "file", "folder") == [
        ("44", "bach", "a", "2004"),
        ("46", "chopin", "a", "2006"),
    ]
    path.write_text("midi_filename,composer\n2004/a.midi,bach\n")
    with pytest.raises(PolymathError, match=r"no row for 1 files, 2006/a: "):
        read_folder(tmp_path, metadata="meta.csv", metadata_key="midi_filename")


def test_metadata_that_is_not_there(tmp_path: Path) -> None:
    write_two_scores(tmp_path)
    with pytest.raises(PolymathError, match=r"the source has 0 files named 'meta\.csv', not one"):
        read_folder(tmp_path, metadata="meta.csv")


def test_truncated_midi(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "bach" / "a.mid", [(60, 0, 1), (62, 1, 2)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PolymathError, match=re.escape(f"{path}: not readable as MIDI (")):
        read_folder(tmp_path)


def test_folder_without_midi(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(PolymathError, match=r"no \.mid or \.midi file among the source's 1 files"):
        read_folder(tmp_path)


def test_processes_read_the_same_rows_in_the_same_order(tmp_path: Path) -> None:
    for number in range(12):  # the first takes longest
        notes: list[Note] = [
            (40 + number, step, step + 1) for step in range(600 if number == 0 else 2)
        ]
        write_midi(tmp_path / f"{number:02d}.mid", notes)
    files = sorted(tmp_path.glob("*.mid"))
    reader = Reader(format="midi")
    alone, together = read_rows(files, reader), read_rows(files, reader, 4)
    pd.testing.assert_frame_equal(alone, together)
    assert [row.split()[0] for row in together["sequence"]] == [str(n) for n in range(40, 52)]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_first_broken_file_is_named_whichever_process_meets_it(
    tmp_path: Path, workers: int
) -> None:
    for number in range(8):
        write_midi(tmp_path / f"{number}.mid", [(60, 0, 1)])
    for number in (3, 5, 7):
        (tmp_path / f"{number}.mid").write_bytes(b"no score")
    files = sorted(tmp_path.glob("*.mid"))
    with pytest.raises(PolymathError, match=r"/3\.mid: not readable as MIDI"):
        read_rows(files, Reader(format="midi"), workers)
