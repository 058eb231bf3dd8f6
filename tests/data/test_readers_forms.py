"""Forms of files that users have: each is read as it is meant, or refused with its place."""

import gzip
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from polymath.data.fetch import expansion
from polymath.data.readers import PLACE, ReadingNotes, read_rows
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError
from support.music import write_midi
from support.own_data import CSV, prepare, prepare_csv

WORDS = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]


def read(path: Path, notes: ReadingNotes | None = None, **reader: Any) -> pd.DataFrame:
    return read_rows([path], Reader.model_validate(reader), notes=notes)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_field_may_be_longer_than_the_csv_modules_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"sequence,label\n{'A' * 140_000},x\n")
    assert len(read(path, format="csv")["sequence"][0]) == 140_000


def test_quotes_do_not_join_rows_of_a_tsv(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 's\ty\n"a b\t1\nc\t2\nd"\t3\n')
    assert list(read(path, format="tsv")["s"]) == ['"a b', "c", 'd"']
    with pytest.raises(PolymathError, match=r"line 2.*'quoting: false'"):
        read(write(path, 's\ty\n"a b\nc"\t2\n'), format="tsv", quoting=True)


def test_row_names_of_r(tmp_path: Path) -> None:
    path, notes = (
        write(tmp_path / "a.tsv", '"s"\t"y"\n"1"\t"AC"\t"x"\n"2"\t"GG"\t"z"\n'),
        (ReadingNotes()),
    )
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
    files, notes = (
        [write(tmp_path / "README.md", "#"), write(tmp_path / "a.csv", "s\nA\n")],
        (ReadingNotes()),
    )
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


# Labels, groups and symbols.


def rows(label: Any) -> list[str]:
    return [f"{word},{label(n)}" for n, word in enumerate(WORDS)]


def test_spellings_of_one_label_are_one_class(tmp_path: Path) -> None:
    nfc, nfd = "Dvo\u0159\u00e1k", "Dvor\u030ca\u0301k"
    done = prepare_csv(tmp_path, rows(lambda n: (nfc, nfd, "Bach")[n % 3]))
    assert done.card["labels"] == ["Bach", nfc]
    done = prepare_csv(tmp_path, rows(lambda n: ("0", "0.0", "1", "1.0")[n % 4]))
    assert done.card["labels"] == ["0", "1"]
    assert done.card["notices"]


def test_everything_but_one_label_is_an_anomaly(tmp_path: Path) -> None:
    label_map = {"-": "normal", "*": "anomaly"}
    lines = rows(lambda n: "-" if n % 2 else f"e{n % 3}")
    done = prepare_csv(tmp_path, lines, label_map=label_map, positive="anomaly")
    assert done.card["labels"] == ["normal", "anomaly"]
    assert done.card["positive"] == "anomaly"


def test_a_word_for_a_missing_label_is_noted(tmp_path: Path) -> None:
    lines = rows(lambda n: ("x", "y", "NA")[n % 3])
    [notice] = prepare_csv(tmp_path, lines).card["notices"]
    assert all(part in notice for part in ("NA", "21 rows", "own.csv: line 4", "'labels'"))
    assert prepare_csv(tmp_path, lines, labels=["x", "y"]).card["notices"] == []
    assert prepare_csv(tmp_path, lines, label_map={"NA": "none"}).card["notices"] == []


def test_a_renamed_label_that_no_row_has_is_refused(tmp_path: Path) -> None:
    lines = rows(lambda n: "abc"[n % 3])
    with pytest.raises(PolymathError, match=r"label_map.*'A'.*a, b, c"):
        prepare_csv(tmp_path, lines, label_map={"A": "yes", "b": "no", "*": "rest"})


def test_labels_are_renamed_in_any_spelling_that_the_column_has(tmp_path: Path) -> None:
    nfc, nfd = "Dvo\u0159\u00e1k", "Dvor\u030ca\u0301k"
    done = prepare_csv(tmp_path, rows(lambda n: (nfc, "Bach")[n % 2]), label_map={nfd: "Czech"})
    assert done.card["labels"] == ["Bach", "Czech"]
    lines = rows(lambda n: ("0", "0.0", "1", "1.0")[n % 4])
    done = prepare_csv(tmp_path, lines, label_map={"1.0": "yes", "*": "no"})
    assert done.card["labels_by_split"].keys() == {"no", "yes"}


def test_a_class_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'labels'.*twice"):
        prepare_csv(tmp_path, rows(lambda n: n % 2), labels=["0", "1", "0"])


def test_measurements_as_classes_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"own\.csv.*'type: regression'"):
        prepare_csv(tmp_path, rows(lambda n: n / 7))


def test_groups_are_stripped_and_na_is_none(tmp_path: Path) -> None:
    lines = [f"{row},{'NA' if n < 32 else f'f{n // 2}' + ' ' * (n % 2)}"
             for n, row in enumerate(rows(lambda n: n % 2))]  # fmt: skip
    reader = {"format": "csv", "sequence": "seq", "label": "y", "group": "g"}
    done = prepare_csv(tmp_path, lines, "seq,y,g", reader=reader)
    assert done.card["groups"] == 32 + 16
    assert any("NA" in notice for notice in done.card["notices"])


def test_blanks_around_separators_and_printed_lists(tmp_path: Path) -> None:
    alphabet = {"kind": "separator", "separator": ","}
    for mark in ("{}, {}, {}", "[{}, {}, {}]"):
        lines = [f'"{mark.format(*word)}",{n % 2}' for n, word in enumerate(WORDS)]
        done = prepare_csv(tmp_path, lines, alphabet=alphabet)
        assert set(",".join(done.table["sequence"]).split(",")) == set("ACGT")


def test_smiles_atoms_are_symbols_and_other_characters_are_not(tmp_path: Path) -> None:
    lines = [f"C{word.replace('T', '[nH]').replace('A', 'Cl').replace('G', 'O')},{n % 2}"
             for n, word in enumerate(WORDS)]  # fmt: skip
    done = prepare_csv(tmp_path, lines, alphabet="smiles")
    assert done.card["length"]["max"] == 4
    with pytest.raises(PolymathError, match=r"line 66.*'!'.*'remove'.*'illegal'"):
        prepare_csv(tmp_path, [*lines, "C!C,1"], alphabet="smiles")


def test_a_symbol_outside_names_the_preset_that_fits(tmp_path: Path) -> None:
    lines = [row.replace("T", "U") for row in rows(lambda n: n % 2)]
    with pytest.raises(PolymathError, match=r"'U'.*'remove'.*'illegal'.*'rna'"):
        prepare_csv(tmp_path, lines)
    assert len(prepare_csv(tmp_path, lines, alphabet="rna").table) == 64


def test_all_rows_left_out_says_why(tmp_path: Path) -> None:
    lines = [row.replace(",", "*,") for row in rows(lambda n: n % 2)]
    with pytest.raises(PolymathError, match=r"all 64 rows.*outside the alphabet.*'remove'"):
        prepare_csv(tmp_path, lines, alphabet={"preset": "dna", "illegal": "drop"})


def test_the_folder_above_is_a_column(tmp_path: Path) -> None:
    for n, word in enumerate(WORDS):
        folder = tmp_path / "d" / ("test" if n < 16 else "train") / ("a", "b")[n % 2]
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{n}.txt", f"{word}\n")
    reader = {"format": "lines", "pattern": "(?P<sequence>.+)", "label": "folder",
              "split": "parent"}  # fmt: skip
    done = prepare(tmp_path / "d", tmp_path / "out", reader=reader)
    assert done.card["splits"]["test"] == 16


def test_contradictions_are_noted_under_every_policy(tmp_path: Path) -> None:
    lines = [*rows(lambda n: n % 2), f"{WORDS[0]},1"]
    notices = prepare_csv(tmp_path, lines, duplicates="group").card["notices"]
    assert any(notice.startswith("2 rows") for notice in notices)


def test_a_point_is_no_decimal_mark_beside_commas(tmp_path: Path) -> None:
    lines = [f"{word};{'1.234' if n == 3 else f'{n},5'}" for n, word in enumerate(WORDS)]
    fields: dict[str, Any] = {
        "header": "seq;y",
        "reader": {**CSV, "delimiter": ";", "decimal": ","},
        "type": "regression",
    }
    with pytest.raises(PolymathError, match=r"line 5.*'1\.234'.*'decimal'"):
        prepare_csv(tmp_path, lines, **fields)
    lines[3] = f"{WORDS[3]};1234"
    assert prepare_csv(tmp_path, lines, **fields).table["label"].max() == 1234


# Files that are damaged, hostile or merely odd: each is read, or refused with its place.


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


def test_blanks_around_characters_are_no_symbols(tmp_path: Path) -> None:
    lines = [f"{' ' * (number % 3)}{word[0]} {word[1:]}\t,{number % 2}"
             for number, word in enumerate(WORDS)]  # fmt: skip
    done = prepare_csv(tmp_path, lines, alphabet="character")
    assert {sequence[0] for sequence in done.table["sequence"]} == set("ACGT")
    assert {sequence[1] for sequence in done.table["sequence"]} == {" "}
    assert any("64 sequences" in notice for notice in done.card["notices"])


def test_rows_without_a_group_are_on_their_own(tmp_path: Path) -> None:
    groups = ["a", "b", "", " ", "NA", "nan"]
    lines = [f"{word},{number // 6 % 2},{groups[number % 6]}" for number, word in enumerate(WORDS)]
    done = prepare_csv(tmp_path, lines, "seq,y,g", reader={**CSV, "group": "g"})
    sizes = sorted(done.table.groupby("group").size())
    assert sizes == [1] * 42 + [11, 11]
    (notice,) = [notice for notice in done.card["notices"] if "group 'g'" in notice]
    assert "NA, nan in 20 rows" in notice


def test_of_several_group_columns_one_may_be_empty(tmp_path: Path) -> None:
    groups = ["a,", ",a", ",", "a,a"]
    lines = [f"{word},{number // 4 % 2},{groups[number % 4]}" for number, word in enumerate(WORDS)]
    done = prepare_csv(tmp_path, lines, "seq,y,g,h", reader={**CSV, "group": ["g", "h"]})
    assert sorted(done.table.groupby("group").size()) == [1] * 16 + [16, 16, 16]
