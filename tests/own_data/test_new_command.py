"""`new` finds out what files are, and writes a configuration that runs as it is."""

import argparse
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from polymath.__main__ import main
from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_files import locate_paths, read_config
from polymath.own_data.check import describe_check
from polymath.own_data.draft import Draft, draft_task, name_of
from polymath.own_data.forms import find_delimiter
from polymath.own_data.options import Asked, add_new_options, asked_in
from polymath.own_data.several_labels import find_separators
from polymath.own_data.symbols import find_symbols
from polymath.own_data.yaml_text import format_value, write_yaml
from polymath.util.errors import PolymathError
from support import ROOT
from support.kinds import KINDS, ROWS, write_kind

MOST_LINES = 25
EXPECTED: dict[str, dict[str, Any]] = {
    "peptides": {
        "domain": "protein", "alphabet": "protein", "positive": "yes",
        "reader": {"format": "csv", "sequence": "seq", "label": "activity", "id": "id"},
    },
    "smiles": {
        "domain": "molecules", "alphabet": "smiles", "type": "regression",
        "reader": {"format": "csv", "sequence": "smiles",
                   "label": "measured log solubility in mols per litre"},
    },
    "log": {
        "domain": "text", "alphabet": "model", "metric": "macro_f1", "positive": "anomaly",
        "label_map": {"-": "normal", "*": "anomaly"},
        "reader": {"format": "lines", "pattern": r"(?P<label>\S+)\s+(?P<sequence>.+)"},
    },
    "scores": {
        "domain": "music", "alphabet": "pitch",
        "reader": {"format": "midi", "columns": {"file": "(?P<label>.+?)_.+"}},
    },
    "promoters": {
        "domain": "dna", "alphabet": "dna", "reader": {"format": "fasta", "label": "file"},
    },
    "sentences": {
        "domain": "text", "alphabet": "model",
        "reader": {"format": "tsv", "header": ["sequence", "label"]},
    },
    "excel": {
        "domain": "symbols", "alphabet": "character",
        "reader": {"format": "xlsx", "sequence": "Sequence", "label": "Class", "group": "Family"},
    },
    "fasta.gz": {
        "domain": "protein", "alphabet": {"preset": "protein", "illegal": "X"},
        "reader": {"format": "fasta", "id": "id",
                   "columns": {"header": r"[^|]+\|(?P<id>[^|]+)\|(?P<label>[^|]+)"}},
    },
    "parquet lists": {
        "domain": "symbols", "alphabet": {"kind": "separator", "separator": " "},
        "reader": {"format": "parquet", "sequence": "events", "label": "outcome",
                   "group": "user_id"},
    },
    "json lines": {
        "domain": "text", "alphabet": "model",
        "reader": {"format": "json", "sequence": "premise", "sequence2": "hypothesis",
                   "label": "gold_label", "split": "set"},
    },
}  # fmt: skip


def draft_of(path: Path, **asked: Any) -> Draft:
    return draft_task(path, path.parent / "my.yaml", Asked(**asked))


def draft_csv(tmp_path: Path, lines: list[str], **asked: Any) -> Draft:
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines) + "\n")
    return draft_of(path, **asked)


def load(path: Path) -> Experiment:
    return load_experiment(locate_paths(read_config(path), [path]), ROOT / "resources")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_its_configuration_passes_the_check(
    kind: str, tmp_path: Path
) -> None:
    path, output = write_kind(kind, tmp_path), tmp_path / "my.yaml"
    draft = draft_of(path)
    assert draft.entry.items() >= EXPECTED[kind].items()
    write_yaml(draft, output)
    text = output.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert yaml.safe_load(text)["datasets"][draft.name] == draft.entry
    experiment = load(output)
    assert experiment.replicates == 5
    assert [len(recipe.rates) for recipe in experiment.recipes.values()] == [3]
    lines = list(describe_check(experiment))
    assert any(line.startswith("  5 rows as symbols") for line in lines)
    counts = draft.counts
    assert f"train {counts['train']:,}, dev {counts['dev']:,}" in "\n".join(lines)
    assert sum(counts.values()) == (16 if kind == "scores" else ROWS)


def test_the_command_writes_a_file_once_and_says_what_it_costs_and_what_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kind("peptides", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["polymath", "new", "peptides.csv"])
    main()
    printed = capsys.readouterr().out
    assert "of this machine" in printed
    assert "random for peptides" in printed
    assert "snakemake --cores all --configfile peptides.yaml" in printed
    before = (tmp_path / "peptides.yaml").read_bytes()
    with pytest.raises(SystemExit, match=r"peptides.yaml exists .* --output"):
        main()
    assert (tmp_path / "peptides.yaml").read_bytes() == before
    monkeypatch.setattr("sys.argv", ["polymath", "check", "peptides.yaml"])
    main()
    assert "WARNING: peptides: 15 test rows" in capsys.readouterr().out


def test_two_columns_that_may_be_the_label_are_named_with_the_option(tmp_path: Path) -> None:
    lines = ["seq,active,toxic", *(f"{'ACGT' * 5}{'AC' * n},{n % 2},{n % 3}" for n in range(30))]
    with pytest.raises(PolymathError, match=r"'binds' .*'toxic' .*--label"):
        draft_csv(tmp_path, [line.replace("active", "binds") for line in lines])
    assert draft_csv(tmp_path, lines, label="toxic").entry["reader"]["label"] == "toxic"
    with pytest.raises(PolymathError, match=r"--label: no column 'toxi': did you mean 'toxic'"):
        draft_csv(tmp_path, lines, label="toxi")


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


@pytest.mark.parametrize(
    ("values", "alphabet"),
    [
        (["ACGTTA", "ACGTNA", "acgtca"], {"preset": "dna", "illegal": "N"}),
        (["ACGUUA", "GGCUCA"], "rna"),
        (["MKLVWRDE*", "ACDEFGHIKL*"], {"preset": "protein", "remove": "*"}),
        (["CCO", "c1ccccc1C(=O)O"], "smiles"),
        (["60 62 64", "60 59"], {"kind": "separator", "separator": " "}),
        (["up, down, up", "left, up"], {"kind": "separator", "separator": ","}),
        (["['up' 'down']", "['left']"], {"kind": "separator", "separator": " "}),
        (["up down up up up down", "left up up left down up"] * 3,
         {"kind": "separator", "separator": " "}),
        (["it is a good film", "the food was bad"], "model"),
        (["天气很好", "我不喜欢"], "model"),
        (["((..))", "(...)"], "character"),
        (["Souza", "Novak", "Bauer", "Kowalski", "Johnson", "Brown", "Dubois"], "character"),
    ],
)  # fmt: skip
def test_symbols_that_fit_values(values: list[str], alphabet: Any) -> None:
    assert find_symbols(values).alphabet == alphabet


def test_a_symbol_or_label_far_down_the_file_counts(tmp_path: Path) -> None:
    lines = [f"{'ACGT' * 5}{n:b}".translate({48: "A", 49: "C"}) for n in range(600)]
    rows = [f"{line}{'R' if n == 590 else ''},{n % 2}" for n, line in enumerate(lines)]
    draft = draft_csv(tmp_path, ["sequence,label", *rows])
    assert draft.entry["alphabet"] == {"preset": "dna", "illegal": "N"}
    log = tmp_path / "far.log"
    log.write_text(
        "".join(f"{'FAIL' if n > 560 else '-'} the unit {n} is up\n" for n in range(600))
    )
    assert draft_of(log).entry["label_map"] == {"-": "normal", "*": "anomaly"}


def test_missing_values_do_not_make_classes_of_numbers(tmp_path: Path) -> None:
    lines = [f"ACGT{'ACGT' * n},{'NA' if n % 9 == 4 else n % 5 + 0.5}" for n in range(60)]
    with pytest.raises(PolymathError, match="line 6: label 'NA' is not a finite number"):
        draft_csv(tmp_path, ["sequence,label", *lines])


def test_a_file_that_was_cut_while_packed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.csv.gz"
    rows = "".join(f"{n:b},{n % 7}\n" for n in range(20_000))
    packed = gzip.compress(f"sequence,label\n{rows}".encode())
    path.write_bytes(packed[: len(packed) // 2])
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


def test_no_other_column_stands_in_for_labels_that_do_not_vary(tmp_path: Path) -> None:
    lines = [f"ACGT{'ACGT' * n},1,{n % 3}" for n in range(60)]
    for other in ("batch", "species"):
        header = f"sequence,label,{other}"
        with pytest.raises(PolymathError, match=r"'label' \(1 value, as 1\) does not .*--label"):
            draft_csv(tmp_path, [header, *lines])
        asked = draft_csv(tmp_path, [header, *lines], label=other)
        assert asked.entry["reader"]["label"] == other


def test_lines_of_several_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    marks = ["__label__a __label__b", "__label__b", "__label__a"]
    path.write_text("".join(f"{marks[n % 3]} the film number {n}\n" for n in range(60)))
    with pytest.raises(PolymathError, match=r"several labels in 20 lines.*: keep one in each line"):
        draft_of(path)


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


def test_a_column_of_splits_that_is_not_used_is_named(tmp_path: Path) -> None:
    lines = [f"ACGT{'ACGT' * n},{n % 2},{('train', 'test', '')[n % 3]}" for n in range(60)]
    draft = draft_csv(tmp_path, ["sequence,label,split", *lines])
    assert any("'split' is not used" in fact and "train" in fact for fact in draft.facts)


def test_dates_are_no_sequences(tmp_path: Path) -> None:
    lines = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02},it was the film {n},{n % 2}" for n in range(60)]
    draft = draft_csv(tmp_path, ["date,review,label", *lines])
    assert draft.entry["reader"]["sequence"] == "review"
    lines = [f"{n % 7 + 1}-{n % 28 + 1}-{n},{n % 2}" for n in range(60)]
    draft = draft_csv(tmp_path, ["moves,label", *lines])
    assert draft.entry["alphabet"] == {"kind": "separator", "separator": "-"}


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


def test_rare_classes_are_left_out_and_imbalance_sets_the_metric(tmp_path: Path) -> None:
    labels = ["a"] * 90 + ["b"] * 12 + ["c"]
    lines = [f"{'ACGT' * 3}{n:b},{label}" for n, label in enumerate(labels)]
    lines = [line.replace("0", "A").replace("1", "C") for line in lines]
    draft = draft_csv(tmp_path, ["sequence,label", *lines])
    assert draft.entry["labels"] == ["a", "b"]
    assert draft.entry["metric"] == "macro_f1"


def test_near_duplicates_are_kept_together(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    bases = ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 20)) for _ in range(20)]
    lines = [f"{base}{end},{n % 2}" for n, base in enumerate(bases) for end in "AWY"]
    draft = draft_csv(tmp_path, ["sequence,label", *lines])
    assert draft.entry["similarity_groups"] == {"threshold": 0.8}


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


@pytest.mark.parametrize(
    "value", ["no", "1", "a: b", "it's", "- x", "#", "", "~", "été", "a\tb",
              "a\x85\u2028\x7f'\\\"b", "👩\u200d👧", "{x}", "1e3", True, 3,
              0.5, {"-": "normal", "*": "y"}, ["NO", "0", "x y"]],
)  # fmt: skip
def test_values_are_written_as_yaml_reads_them(value: Any) -> None:
    assert yaml.safe_load(f"key: {format_value(value)}") == {"key": value}


@pytest.mark.parametrize(
    ("path", "name"),
    [("My Data (1).csv", "my-data-1"), ("x.fasta.gz", "x"), ("Ångström.tsv", "angstrom"),
     ("数据.csv", "task")],
)  # fmt: skip
def test_the_name_of_a_task(path: str, name: str) -> None:
    assert name_of(Path(path)) == name


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


def sets_csv(tmp_path: Path, mark: str = ";", share: float = 0.7, name: str = "labels") -> Path:
    """Sequences with one to three of four places; `share` of the rows have several."""
    generator = np.random.default_rng(2)
    places = ["nucleus", "membrane", "cytosol", "rare"]
    lines = [f"id,seq,{name}"]
    for row in range(120):
        count = generator.integers(2, 4) if row < share * 120 else 1
        chosen = generator.choice(3, count, replace=False)
        names = [places[number] for number in chosen] + ["rare"] * (row == 5)
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 20))
        joined = f"{mark} ".join(names)
        lines.append(f'p{row},{sequence},"{joined}"')
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("mark", "name"), [(";", "labels"), ("|", "location"), (",", "places_of_it")]
)
def test_joined_labels_are_recognised_and_pass_the_check(
    mark: str, name: str, tmp_path: Path
) -> None:
    draft = draft_of(sets_csv(tmp_path, mark, name=name))
    assert draft.entry["type"] == "multi-label"
    assert draft.entry["labels"] == ["cytosol", "membrane", "nucleus"]
    assert draft.entry["reader"].items() >= {"label": name, "label_separator": mark}.items()
    assert any("multi-label" in fact and f"'{mark}'" in fact for fact in draft.facts)
    write_yaml(draft, tmp_path / "my.yaml")
    assert len((tmp_path / "my.yaml").read_text().splitlines()) <= MOST_LINES
    lines = list(describe_check(load(tmp_path / "my.yaml")))
    assert any(line.startswith("  labels: 3 (train/dev/test): ") for line in lines)
    assert any("sets of labels" in line and "per record" in line for line in lines)
    assert any("best rule" in line and "micro_f1" in line for line in lines)


def test_columns_of_flags_are_recognised(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = ["seq,kinase,receptor,enzyme"]
    for _ in range(90):
        flags = ",".join(map(str, generator.integers(0, 2, 3)))
        lines.append(f"{''.join(generator.choice(list('ACDEFGHIKLMNPQRSTVWY'), 20))},{flags}")
    draft = draft_csv(tmp_path, lines)
    assert draft.entry["type"] == "multi-label"
    assert draft.entry["reader"]["label"] == ["kinase", "receptor", "enzyme"]
    assert draft_csv(tmp_path, lines, label="enzyme").entry.get("type") is None
    several = draft_csv(tmp_path, lines, label=("enzyme", "kinase"))
    assert several.entry["reader"]["label"] == ["enzyme", "kinase"]
    write_yaml(several, tmp_path / "my.yaml")
    assert any("labels: 2 " in line for line in describe_check(load(tmp_path / "my.yaml")))


def test_where_one_or_several_labels_may_be_meant_the_option_decides(tmp_path: Path) -> None:
    path = sets_csv(tmp_path, share=0.3)
    with pytest.raises(PolymathError, match=r"30% .*'labels' .*--label-separator"):
        draft_of(path)
    assert draft_of(path, label_separator=";").entry["type"] == "multi-label"
    assert "type" not in draft_of(path, label_separator="").entry
    few = draft_of(sets_csv(tmp_path, share=0.05))
    assert "type" not in few.entry
    assert any("--label-separator" in fact for fact in few.facts)


@pytest.mark.parametrize("values", [["1,5", "2,5", "1,2"], ["Smith, J", "Doe, J."], ["a", "b"]])
def test_what_is_no_set_of_labels(values: list[str]) -> None:
    assert find_separators(pd.Series(values * 20)) == {}


def test_the_options_of_labels_are_read() -> None:
    parser = argparse.ArgumentParser()
    add_new_options(parser)
    words = ["own.csv", "--label", "a", "b", "--label-separator", "|"]
    assert asked_in(parser.parse_args(words)) == Asked(label=("a", "b"), label_separator="|")
    assert asked_in(parser.parse_args(["own.csv", "--label", "a"])) == Asked(label="a")


def test_two_separators_are_named_with_the_option(tmp_path: Path) -> None:
    sets = ["a, b; c", "c", "a, b", "d; c"] * 30
    path = tmp_path / "own.csv"
    sequences = peptides(len(sets))
    pd.DataFrame({"seq": sequences, "tags": sets}).to_csv(path, index=False)
    with pytest.raises(PolymathError, match=r"50% have ';'.*50% have ','.*--label-separator"):
        draft_of(path)
    assert draft_of(path, label_separator=";").entry["type"] == "multi-label"


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_lists_of_labels_are_sets(suffix: str, tmp_path: Path) -> None:
    sets: list[list[str]] = [["up", "left;x"], [], ["up"], ["down", "left;x"]] * 30
    table = pd.DataFrame({"seq": peptides(len(sets)), "tags": sets})
    path = tmp_path / f"own.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    draft = draft_of(path)
    assert draft.entry["type"] == "multi-label"
    assert draft.entry["reader"].items() >= {"label": "tags", "label_separator": "|"}.items()
    counts = next(fact for fact in draft.facts if fact.startswith("labels: 3: "))
    assert "left;x 60 (50%)" in counts
    assert "30 rows without a label" in counts


def test_a_class_of_the_test_split_alone_is_left_out(tmp_path: Path) -> None:
    rows = [(s, "ab"[n % 2], "train") for n, s in enumerate(peptides(90))]
    rows += [(s[::-1], "new" if n == 3 else "ab"[n % 2], "test") for n, (s, *_) in
             enumerate(rows[:20])]  # fmt: skip
    path = tmp_path / "own.csv"
    pd.DataFrame(rows, columns=["seq", "class", "split"]).to_csv(path, index=False)
    draft = draft_of(path)
    assert draft.entry["unseen_labels"] == "drop"
    assert draft.counts["test"] == 19
    assert any(fact.startswith("unseen_labels:") and "new" in fact for fact in draft.facts)


def test_labels_of_one_class_or_value_are_refused(tmp_path: Path) -> None:
    rows = [f"{sequence},1.5,same" for sequence in peptides(60)]
    lines = ["seq,value,kind", *rows]
    with pytest.raises(PolymathError, match=r"'kind': all 60 labels are 'same'.*--label"):
        draft_csv(tmp_path, lines, label="kind")
    with pytest.raises(PolymathError, match=r"own.csv: line \d+: all 48 rows of train.*'label'"):
        draft_csv(tmp_path, lines, label="value")
    lines = ["seq,value", *(f"{s},{n / 7:.2f}" for n, s in enumerate(peptides(60)))]
    lines[9] = lines[9].split(",")[0] + ",inf"
    with pytest.raises(
        PolymathError, match=r"own.csv: line 10: label 'inf' is not a finite number"
    ):
        draft_csv(tmp_path, lines, label="value")


def test_sequences_alone_are_refused_and_columns_that_may_be_labels_are_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(PolymathError, match=r"own.csv: each line has one field.*add a column"):
        draft_csv(tmp_path, ["seq", *peptides(20)])
    fasta = tmp_path / "own.fasta"
    fasta.write_text("".join(f">s{n}\n{s}\n" for n, s in enumerate(peptides(20))))
    with pytest.raises(PolymathError, match=r"own.fasta: .* no column of labels.*add a column"):
        draft_of(fasta)
    rows = [f"{s},PF{n // 2}" for n, s in enumerate(peptides(60))]
    with pytest.raises(PolymathError, match=r"--label; it may be 'family' \(30 values, as PF0\)"):
        draft_csv(tmp_path, ["seq,family", *rows])


def peptides(count: int) -> list[str]:
    """Random sequences of the 20 amino acids."""
    generator = np.random.default_rng(4)
    return ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 20)) for _ in range(count)]
