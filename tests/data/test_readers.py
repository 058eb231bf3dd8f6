"""Every format gives rows of text; every bad file is named, with the place and the mend."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pretty_midi
import pytest

from polymath.data.readers import PLACE, read_pitches, read_rows
from polymath.experiment.catalogue import Reader
from polymath.util.errors import PolymathError
from support.music import Note, write_midi

FILES = {"csv": "own.csv", "tsv": "own.tsv", "lines": "own.txt", "fasta": "own.fasta"}
LINES_PATTERN = r"(?P<sequence>[A-Z]+) (?P<label>\w+)"


def make_reader(**fields: Any) -> Reader:
    return Reader.model_validate(fields)


def read(path: Path, text: str | bytes, **reader: Any) -> pd.DataFrame:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rows([path], make_reader(**reader))


def refusal(path: Path, text: str | bytes, **reader: Any) -> str:
    with pytest.raises(PolymathError) as caught:
        read(path, text, **reader)
    return str(caught.value)


def cells(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def read_folder(folder: Path, **reader: Any) -> pd.DataFrame:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return read_rows(files, make_reader(format="midi", **reader))


# CSV and TSV.


@pytest.mark.parametrize(("format_", "mark"), [("csv", ","), ("tsv", "\t")])
def test_delimited(tmp_path: Path, format_: str, mark: str) -> None:
    text = f"seq{mark}y\nACGT{mark}even\nAC{mark}odd\n"
    table = read(tmp_path / FILES[format_], text, format=format_)
    assert cells(table, "seq", "y", "file") == [("ACGT", "even", "own"), ("AC", "odd", "own")]
    assert table[PLACE].iloc[1] == f"{tmp_path / FILES[format_]}: row 2"
    assert set(table["folder"]) == {tmp_path.name}


def test_other_delimiter(tmp_path: Path) -> None:
    table = read(tmp_path / "own.csv", "seq;y\nA,C;1\n", format="csv", delimiter=";")
    assert cells(table, "seq", "y") == [("A,C", "1")]


def test_values_stay_text(tmp_path: Path) -> None:
    table = read(tmp_path / "own.csv", "seq,y\nNA,01\nnull,1e3\n", format="csv")
    assert cells(table, "seq", "y") == [("NA", "01"), ("null", "1e3")]


@pytest.mark.parametrize("quoting", [True, False])
def test_quotes(tmp_path: Path, quoting: bool) -> None:
    table = read(tmp_path / "own.tsv", 'seq\ty\n"A"\t1\n', format="tsv", quoting=quoting)
    assert table["seq"].iloc[0] == ("A" if quoting else '"A"')


def test_skipped_lines_and_byte_order_mark(tmp_path: Path) -> None:
    table = read(tmp_path / "own.csv", "\ufeffseq,y\n---,---\nA,1\n", format="csv", skip_lines=[2])
    assert cells(table, "seq", "y") == [("A", "1")]


def test_row_that_ends_early_has_empty_fields(tmp_path: Path) -> None:
    table = read(tmp_path / "own.csv", "seq,y\nA,1\nC\n", format="csv")
    assert cells(table, "seq", "y") == [("A", "1"), ("C", "")]


@pytest.mark.parametrize("rows", ["A,1,x\nC,2,y\n", "A,1\nC,2,y\n", "A,1,x\nC,2\n"])
def test_row_with_too_many_fields_shifts_no_column(tmp_path: Path, rows: str) -> None:
    text = refusal(tmp_path / "own.csv", "seq,y\n" + rows, format="csv")
    assert text.startswith(f"{tmp_path / 'own.csv'}: not readable as csv: ")
    assert text.endswith("check 'delimiter', 'quoting' and 'encoding' of its reader")


def test_trailing_delimiters_shift_no_column(tmp_path: Path) -> None:
    table = read(tmp_path / "own.csv", "seq,y\nA,1,\nC,2,\n", format="csv")
    assert cells(table, "seq", "y") == [("A", "1"), ("C", "2")]


def test_files_are_read_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"seq\n{name}\n")
    table = read_rows([tmp_path / "one.csv", tmp_path / "two.csv"], make_reader(format="csv"))
    assert cells(table, "file", "seq") == [("one", "one"), ("two", "two")]


# Parquet.


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "label=x" / "own.parquet"
    path.parent.mkdir()
    pd.DataFrame({"seq": ["A", None], "y": [1.5, 2.0], "n": [1, 2]}).to_parquet(path)
    table = read_rows([path], make_reader(format="parquet"))
    assert cells(table, "seq", "y", "n") == [("A", "1.5", "1"), ("", "2.0", "2")]
    assert "label" not in table  # no column from Hive-like folder names


def test_broken_parquet(tmp_path: Path) -> None:
    text = refusal(tmp_path / "own.parquet", "seq,y\nA,1\n", format="parquet")
    assert text.startswith(f"{tmp_path / 'own.parquet'}: not readable as Parquet: ")


# FASTA.


def test_fasta_header_parts(tmp_path: Path) -> None:
    text = ">a1 | even | x=1|2\nACGT\nAC\n>a2|odd|\nGG\n"
    table = read(tmp_path / "own.fasta", text, format="fasta", header=["id", "label", "note"])
    assert cells(table, "id", "label", "note", "sequence") == [
        ("a1", "even", "x=1", "ACGTAC"),
        ("a2", "odd", "", "GG"),
    ]
    assert table[PLACE].iloc[1] == f"{tmp_path / 'own.fasta'}: record 2"


def test_fasta_one_file_a_class(tmp_path: Path) -> None:
    for name in ("kinase", "ligase"):
        (tmp_path / f"{name}.fasta").write_text(f">{name}1\nMK\n>{name}2\nML\n")
    files = sorted(tmp_path.glob("*.fasta"))
    table = read_rows(files, make_reader(format="fasta", label="file"))
    assert cells(table, "id", "file") == [
        ("kinase1", "kinase"),
        ("kinase2", "kinase"),
        ("ligase1", "ligase"),
        ("ligase2", "ligase"),
    ]


@pytest.mark.parametrize(
    ("encoding", "data"),
    [("utf-8-sig", b"\xef\xbb\xbf>\xc3\xa9\nAC\n"), ("latin-1", b">\xe9\nAC\n")],
)
def test_fasta_encoding(tmp_path: Path, encoding: str, data: bytes) -> None:
    table = read(tmp_path / "own.fasta", data, format="fasta", encoding=encoding)
    assert cells(table, "id", "sequence") == [("é", "AC")]


def test_fasta_header_with_too_few_parts(tmp_path: Path) -> None:
    path = tmp_path / "own.fasta"
    text = refusal(path, ">a|x\nAC\n>b\nAC\n", format="fasta", header=["id", "label"])
    assert text == (
        f"{path}: record 2, header 'b': expected 2 parts (id|label): mend it, or 'header' and "
        "'separator' of the reader"
    )


def test_fasta_header_parts_that_may_be_absent(tmp_path: Path) -> None:
    text = ">Q1 Golgi-M test\nAC\n>Q2 Golgi-S\nGG\n"
    header = ["id", "place", "part?"]
    table = read(tmp_path / "own.fasta", text, format="fasta", header=header, separator=" ")
    assert cells(table, "id", "place", "part") == [("Q1", "Golgi-M", "test"), ("Q2", "Golgi-S", "")]
    refused = refusal(
        tmp_path / "own.fasta", text + ">Q3\nCC\n", format="fasta", header=header, separator=" "
    )
    assert "record 3, header 'Q3': expected 2 parts (id place part?)" in refused


def test_text_that_is_not_fasta(tmp_path: Path) -> None:
    text = refusal(tmp_path / "own.fasta", "ACGT\n>a\nAC\n", format="fasta")
    assert text.startswith(f"{tmp_path / 'own.fasta'}: not readable as FASTA: ")
    assert "must start with '>'" in text
    assert "\n" not in text


# Lines.


def test_lines(tmp_path: Path) -> None:
    text = "comment\nACGT even\n\nAC odd\n"
    table = read(tmp_path / "own.txt", text, format="lines", pattern=LINES_PATTERN, skip_lines=[1])
    assert cells(table, "sequence", "label") == [("ACGT", "even"), ("AC", "odd")]
    assert table[PLACE].iloc[1] == f"{tmp_path / 'own.txt'}: line 4"


def test_line_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    text = refusal(path, "AC odd\nac odd\n", format="lines", pattern=LINES_PATTERN)
    assert text == (
        f"{path}: line 2 does not fit the reader's pattern {LINES_PATTERN!r}: 'ac odd': mend the "
        "line, or the pattern, or name it in 'skip_lines'"
    )


THREE_LINES = r">(?P<name>.*)\n(?P<sequence>[A-Z]+)\n(?P<label>[01])"


def test_rows_of_several_lines(tmp_path: Path) -> None:
    text = "header\n>a\nACGT\n0\n\n>b\nGG\n1\n"
    table = read(
        tmp_path / "own.txt", text, format="lines", pattern=THREE_LINES, lines_per_row=3,
        skip_lines=[1],
    )  # fmt: skip
    assert cells(table, "name", "sequence", "label") == [("a", "ACGT", "0"), ("b", "GG", "1")]
    assert table[PLACE].iloc[1] == f"{tmp_path / 'own.txt'}: line 6"


@pytest.mark.parametrize("rest", [">b\nGG\n", ">b\nGG\n2\n", ">b\nGG\n>c\nAC\n1\n"])
def test_row_of_several_lines_that_does_not_fit(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "own.txt"
    text = refusal(
        path, ">a\nACGT\n0\n" + rest, format="lines", pattern=THREE_LINES, lines_per_row=3
    )
    assert text.startswith(
        f"{path}: line 4 (the first of 3) does not fit the reader's pattern {THREE_LINES!r}: "
    )


def test_lines_that_are_missing_at_the_end(tmp_path: Path) -> None:
    pattern = r"(?P<sequence>[A-Z]+)(\n(?P<label>[01]))?"
    text = refusal(
        tmp_path / "own.txt", "AC\n0\nGG\n", format="lines", pattern=pattern, lines_per_row=2
    )
    assert text.startswith(f"{tmp_path / 'own.txt'}: line 3 (the first of 2) does not fit")


# JSON.


def test_json(tmp_path: Path) -> None:
    text = (
        '[{"seq": "AC", "y": [0.10], "n": 1, "on": true}, '
        '{"seq": "GG", "y": [1e-3], "note": null, "on": [1, 2]}]'
    )
    table = read(tmp_path / "own.json", text, format="json")
    assert cells(table, "seq", "y", "n", "note", "on") == [
        ("AC", "0.10", "1", "", "true"),
        ("GG", "1e-3", "", "", '["1", "2"]'),
    ]
    assert table[PLACE].iloc[1] == f"{tmp_path / 'own.json'}: row 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"seq": "AC"}, {"se', "not readable as json: Unterminated string"),
        ("seq,y\nA,1\n", "not readable as json: Expecting value"),
        ('{"seq": "AC"}\n{"seq": "GG"}\n', "not readable as json: Extra data"),
        ('{"seq": ["AC", "GG"]}', "not a list of objects, as"),
        ('["AC", "GG"]', "not a list of objects, as"),
        ("[]", "no rows found: add some"),
        (b"\xff\xff[]", "not readable as text: "),
    ],
)
def test_broken_json(tmp_path: Path, text: str | bytes, message: str) -> None:
    refused = refusal(tmp_path / "own.json", text, format="json")
    assert refused.startswith(f"{tmp_path / 'own.json'}: {message}")


# Columns cut out of others.


def test_columns_out_of_columns(tmp_path: Path) -> None:
    table = read(
        tmp_path / "own.csv",
        "seq,place\nAC,Golgi-M\nGG,Cell-wall-S\n",
        format="csv",
        columns={"place": "(?P<organ>.+)-(?P<mark>[MS])", "file": "(?P<start>.).*"},
    )
    assert cells(table, "organ", "mark", "start") == [("Golgi", "M", "o"), ("Cell-wall", "S", "o")]
    assert cells(table, "place", "file")[0] == ("Golgi-M", "own")


def test_value_that_does_not_fit_its_columns_pattern(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    text = refusal(
        path, "place\nGolgi-M\nGolgi\n", format="csv", columns={"place": "(?P<organ>.+)-[MS]"}
    )
    assert text == (
        f"{path}: row 2: column 'place' does not fit the reader's pattern '(?P<organ>.+)-[MS]': "
        "'Golgi': mend the value, or the pattern under 'columns'"
    )


def test_pattern_for_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    text = refusal(path, "place\nGolgi\n", format="csv", columns={"plac": "(?P<organ>.+)"})
    assert text == f"{path}: no column 'plac' for 'columns': did you mean 'place'?"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"columns": {"x": "(?P<y>."}}, "'columns: x' is not a regular expression: "),
        ({"columns": {"x": "(.)"}}, "'columns: x' has no named group, as (?P<label>...)"),
        ({"lines_per_row": 3}, "'lines_per_row' goes with format 'lines' only"),
        ({"header": ["id?", "label"]}, "'header': parts that may be absent (with a ?) must be"),
    ],
)
def test_readers_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make_reader(format="csv", **fields)


# Empty files and wrong encodings, whatever the format.


@pytest.mark.parametrize("format_", FILES)
def test_empty_file(tmp_path: Path, format_: str) -> None:
    pattern = {"pattern": LINES_PATTERN} if format_ == "lines" else {}
    text = refusal(tmp_path / FILES[format_], "", format=format_, **pattern)
    assert text == (
        f"{tmp_path / FILES[format_]}: the file is empty: give a file with at least one row"
    )


@pytest.mark.parametrize(
    ("format_", "content"), [("csv", "seq,y\n"), ("tsv", "seq\ty\n"), ("lines", "\n \n")]
)
def test_no_rows(tmp_path: Path, format_: str, content: str) -> None:
    pattern = {"pattern": LINES_PATTERN} if format_ == "lines" else {}
    text = refusal(tmp_path / FILES[format_], content, format=format_, **pattern)
    assert text == (
        f"{tmp_path / FILES[format_]}: no rows found: add some, or check 'format' ({format_})"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "no-such-encoding"])
@pytest.mark.parametrize("format_", FILES)
def test_wrong_encoding(tmp_path: Path, format_: str, encoding: str) -> None:
    pattern = {"pattern": LINES_PATTERN} if format_ == "lines" else {}
    data = b">\xe9\nAC\n" if format_ == "fasta" else b"seq\n\xe9\n"
    text = refusal(tmp_path / FILES[format_], data, format=format_, encoding=encoding, **pattern)
    assert text.startswith(f"{tmp_path / FILES[format_]}: not readable as ")
    assert "'encoding' of its reader" in text


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
        ("file,y\na,1\n", "no row for file 'b' (1 files in all): add it, or take the file out"),
        ("file,y\na,1\na.mid,2\nb,1\n", "file 'a' is named twice in 'file'"),
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
    with pytest.raises(PolymathError, match=r"no row for file '2006/a' \(1 files in all\)"):
        read_folder(tmp_path, metadata="meta.csv", metadata_key="midi_filename")


def test_metadata_that_is_not_there(tmp_path: Path) -> None:
    write_two_scores(tmp_path)
    with pytest.raises(PolymathError, match=r"the source has 0 files named 'meta\.csv', not one"):
        read_folder(tmp_path, metadata="meta.csv")


def test_truncated_midi(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "bach" / "a.mid", [(60, 0, 1), (62, 1, 2)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PolymathError) as caught:
        read_folder(tmp_path)
    assert str(caught.value).startswith(f"{path}: not readable as MIDI (")
    assert str(caught.value).endswith("is the file whole? Mend it or take it out of the folder")


def test_midi_without_notes(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "bach" / "a.mid", [], drums=[(36, 0, 1)])
    with pytest.raises(PolymathError) as caught:
        read_folder(tmp_path)
    assert str(caught.value) == f"{path}: no notes: take the file out of the folder"


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
    reader = make_reader(format="midi")
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
        read_rows(files, make_reader(format="midi"), workers)
