"""What `new` finds of a file's form: delimiters, encodings, sheets, headers and folders."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from polymath.own_data.draft import draft_task
from polymath.own_data.forms import find_delimiter
from polymath.own_data.options import Asked
from polymath.own_data.yaml_text import write_yaml
from polymath.util.errors import PolymathError
from support.drafts import draft_csv, draft_of, load, peptides


@pytest.mark.parametrize(
    ("lines", "delimiter", "quoting"),
    [
        (["a,b", "1,2"], ",", True),
        (["sequence;value", "ACD;1,5", "CDE;2,5"], ";", True),
        (["text\tlabel", "one, two\ta", 'a "quote\tb', 'its end"\tb'], "\t", False),
        (['a,"b, c"', "d,e"], ",", True),
        (["x,y", '"a', 'b",c', "d,e"], ",", True),  # a field of two lines
    ],
)
def test_the_delimiter_that_cuts_lines_regularly(
    lines: list[str], delimiter: str, quoting: bool
) -> None:
    found = find_delimiter(lines)
    assert found is not None
    assert found[0] == delimiter
    assert found[1] or not quoting


def test_lines_of_prose_have_no_delimiter() -> None:
    assert find_delimiter(["I came, I saw, I won", "and left", "to come, again"]) is None


@pytest.mark.parametrize("count", [1, 20_000])
def test_a_file_that_was_cut_while_packed_is_named(count: int, tmp_path: Path) -> None:
    path = tmp_path / "own.csv.gz"
    rows = "".join(f"{n:b},{n % 7}\n" for n in range(count))
    packed = gzip.compress(f"sequence,label\n{rows}".encode())
    path.write_bytes(packed[: len(packed) * 9 // 10])
    with pytest.raises(PolymathError, match=r"own.csv.gz: .*check that the file is whole"):
        draft_of(path)


def test_files_of_several_encodings_are_refused_unless_one_fits_all(tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    rows = "".join(f"the song of the café number {n}\t{n % 2}\n" for n in range(30))
    for name, encoding in (("b", "cp1252"), ("c", "utf-8")):
        (folder / f"{name}.tsv").write_bytes(rows.encode(encoding))
    with pytest.raises(PolymathError, match=r"b.tsv \(cp1252\), c.tsv \(utf-8-sig\): save all"):
        draft_of(folder)
    (folder / "c.tsv").unlink()
    (folder / "a.tsv").write_bytes(rows.replace("é", "e").encode())
    assert draft_of(folder).entry["reader"]["encoding"] == "cp1252"


@pytest.mark.parametrize(
    ("text", "encoding"), [("とても良い映画", "shift_jis"), ("это хороший фильм", "cp1251")]
)
def test_text_of_other_scripts_is_not_read_as_western_european(
    text: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    rows = "".join(f"{text} {n},{n % 2}\n" for n in range(40))
    path.write_bytes(f"text,label\n{rows}".encode(encoding))
    with pytest.raises(PolymathError, match=r"own\.csv: not UTF-8, .*: save it as UTF-8"):
        draft_of(path)


def test_files_whose_headers_differ_are_said_to(tmp_path: Path) -> None:
    folder = tmp_path / "genes"
    folder.mkdir()
    for number, label in enumerate(("y", "outcome")):
        rows = [f"ACGT{'ACGT' * n}{'AC'[number]},{n % 2}" for n in range(30)]
        (folder / f"{number}.csv").write_text("\n".join([f"seq,{label}", *rows]) + "\n")
    with pytest.raises(PolymathError, match=r"1\.csv: line 2: the label is missing \(30 rows"):
        draft_of(folder)
    (folder / "1.csv").write_text((folder / "1.csv").read_text().replace("outcome", "y,note"))
    facts = "\n".join(draft_of(folder).facts)
    assert "0.csv has no column note, as other files have" in facts


def test_documents_beside_lines_of_text_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "reviews"
    for number in range(40):
        path = folder / ("pos", "neg")[number % 2] / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"it was the {number}th film of the year\n")
    assert draft_of(folder).entry["reader"]["label"] == "folder"
    (folder / "README.md").write_text("# Reviews\n")
    with pytest.raises(PolymathError, match=r"README.md.* take them out"):
        draft_of(folder)


def test_files_of_classes_and_splits_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "promoters"
    folder.mkdir()
    for number, name in enumerate(("pos_train", "neg_train", "pos_test", "neg_test")):
        sequences = [f"{n + 64 * number:b}".translate({48: "A", 49: "C"}) for n in range(80, 110)]
        (folder / f"{name}.fa").write_text("".join(f">s\nACGT{s}\n" for s in sequences))
    reader = draft_of(folder).entry["reader"]
    assert reader["columns"] == {"file": "(?P<label>.+)_(?P<split>[^_]+)"}
    assert reader["split"] == "split"
    assert "label" not in reader


def test_a_fasta_header_with_more_parts_than_most_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.fasta"
    records = [f">s{n}|{'ab'[n % 2]}\nACGT{'ACGT'[n % 4] * n}A\n" for n in range(30)]
    records[4] = ">s4|out|in\nACGTAA\n"
    path.write_text("".join(records))
    with pytest.raises(PolymathError, match=r"own.fasta: record 5: .*'s4\|out\|in' has 3 parts"):
        draft_of(path)


def test_a_table_of_a_european_spreadsheet(tmp_path: Path) -> None:
    rows = [f"{'ACDEFGHIKLMNPQRSTVWY'[n % 9 :]};{n},5" for n in range(30)]
    path = tmp_path / "Données d'été.csv"
    path.write_bytes("\r\n".join(["Séquence;Stabilité", *rows]).encode("cp1252"))
    draft = draft_of(path)
    assert draft.name == "donnees-d-ete"
    assert draft.entry["type"] == "regression"
    assert draft.entry["reader"] | {"delimiter": ";", "encoding": "cp1252"} == draft.entry["reader"]
    output = tmp_path / "my.yaml"
    write_yaml(draft, output)
    assert load(output).datasets[draft.name].reader.decimal == ","


def test_excel_with_several_sheets_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    table = pd.DataFrame(
        {"sequence": ["ACGT" + "A" * n for n in range(30)], "label": ["a", "b"] * 15}
    )
    with pd.ExcelWriter(path) as writer:
        table.to_excel(writer, sheet_name="data", index=False)
        table.to_excel(writer, sheet_name="old", index=False)
    with pytest.raises(PolymathError, match="several sheets, data, old"):
        draft_of(path)
    draft = draft_task(path, tmp_path / "my.yaml", Asked(), sheet="data")
    assert draft.entry["reader"]["sheet"] == "data"


@pytest.mark.parametrize(
    ("above", "skipped"),
    [(["sep=;"], [1]), (["# from the laboratory", "# of 2024; twice"], [1, 2]), ([], None)],
)
def test_what_stands_above_a_table_is_no_row(
    tmp_path: Path, above: list[str], skipped: list[int] | None
) -> None:
    lines = [*above, "#sequence;label", *(f"{'ACGT' * 3}{'AC' * n};{n % 2}" for n in range(40))]
    draft = draft_csv(tmp_path, lines)
    assert draft.entry["reader"].get("skip_lines") == skipped
    assert draft.entry["reader"]["sequence"] == "#sequence"
    assert sum(draft.counts.values()) == 40


def test_files_that_differ_in_what_is_above_their_tables_are_refused(tmp_path: Path) -> None:
    rows = "sequence;label\n" + "".join(f"ACGT{'AC' * n};{n % 2}\n" for n in range(40))
    (tmp_path / "a.csv").write_text("sep=;\n" + rows)
    (tmp_path / "b.csv").write_text(rows)
    with pytest.raises(PolymathError, match=r"a.csv and b.csv differ in the lines above"):
        draft_of(tmp_path)


def test_columns_without_values_do_not_make_a_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "promoters.data"
    rows = [f"{'+-'[n % 2]},S{n},\t\tacgtacgt{'acg' * n}" for n in range(40)]
    path.write_text("\n".join(rows) + "\n")
    entry = draft_of(path).entry
    assert entry["reader"]["format"] == "csv"
    assert entry["alphabet"] == {"preset": "dna", "remove": "\t"}
    assert "label_map" not in entry  # the classes are + and -, not normal lines and anomalies


@pytest.mark.parametrize("mark", [" ", "   "])
def test_blanks_before_the_label_of_a_line_are_no_symbols(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "own.txt"
    lines = (f"{sequence}{mark}{'ab'[n % 2]}" for n, sequence in enumerate(peptides(40)))
    path.write_text("\n".join(lines) + "\n")
    assert draft_of(path).entry["alphabet"] == "protein"


def test_blanks_around_sequences_are_removed(tmp_path: Path) -> None:
    lines = [f" {sequence} ,{n % 2}" for n, sequence in enumerate(peptides(40))]
    draft = draft_csv(tmp_path, ["sequence,label", *lines])
    assert draft.entry["alphabet"] == {"preset": "protein", "remove": " "}


@pytest.mark.parametrize(
    "names",
    [["train_a", "train_b", "test_a", "test_b"], ["a_train", "b_train", "a_test", "b_test"]],
)
def test_names_of_files_give_the_class_and_the_split(tmp_path: Path, names: list[str]) -> None:
    for name, start in zip(names, range(0, 80, 20), strict=True):
        rows = (f">{n}\n{row}\n" for n, row in enumerate(peptides(80)[start : start + 20]))
        (tmp_path / f"{name}.fasta").write_text("".join(rows))
    draft = draft_of(tmp_path)
    assert draft.entry["reader"]["split"] == "split"
    assert draft.counts["test"] == 40
    assert any(fact.startswith("classes: 2: ") for fact in draft.facts)


def test_names_of_text_files_give_the_class(tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / f"{['good', 'bad'][n % 2]}_{n}.txt").write_text(f"the film number {n}\n")
    assert draft_of(tmp_path).entry["reader"]["columns"] == {"file": "(?P<label>.+?)_.+"}


@pytest.mark.parametrize("name", ["123.csv", "2024-01-02.csv", "true.csv"])
def test_a_name_that_yaml_reads_as_no_text_makes_a_task(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = (f"{sequence},{n % 2}\n" for n, sequence in enumerate(peptides(40)))
    path.write_text("sequence,label\n" + "".join(rows))
    written = tmp_path / "my.yaml"
    write_yaml(draft_of(path), written)
    assert load(written).tasks == (f"task-{path.stem}",)


def test_a_file_that_is_not_there_is_named_without_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(PolymathError, match=r"^.*absent.csv: there is no such file") as raised:
        draft_of(tmp_path / "absent.csv")
    assert "configuration" not in str(raised.value)


def test_a_sheet_of_what_is_no_excel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("sequence,label\nACGT,a\n")
    with pytest.raises(PolymathError, match=r"--sheet first: .*own.csv is not Excel"):
        draft_task(path, tmp_path / "my.yaml", Asked(), "first")


def test_the_folder_of_the_configuration_is_made(tmp_path: Path) -> None:
    rows = [f"{row},{n % 2}" for n, row in enumerate(peptides(40))]
    written = tmp_path / "not/yet/my.yaml"
    write_yaml(draft_csv(tmp_path, ["sequence,label", *rows]), written)
    assert written.is_file()


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("own.zip", b"PK\x03\x04", "compressed: unpack it"),
        ("own.csv.bz2", b"BZh9\0\xff", "compressed: unpack it"),
        *((name, b"@r1\nACGT\n+\nIIII\n", ".* is not read: save it as")
          for name in ("reads.fastq", "reads.fq.gz", "table.xls", "table.feather")),
    ],
)  # fmt: skip
def test_a_format_that_is_not_read_is_named_with_what_to_do(
    name: str, content: bytes, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PolymathError, match=f"{name}: {remedy}"):
        draft_of(tmp_path / name)


def test_ids_do_not_stand_in_for_sequences(tmp_path: Path) -> None:
    rows = [f"{row},{n % 2}" for n, row in enumerate(peptides(40))]
    with pytest.raises(PolymathError, match=r"own.csv: .*'protein_id', which has the name of ids"):
        draft_csv(tmp_path, ["protein_id,label", *rows])
    asked = draft_csv(tmp_path, ["protein_id,label", *rows], sequence=("protein_id",))
    assert asked.counts["train"] > 0
