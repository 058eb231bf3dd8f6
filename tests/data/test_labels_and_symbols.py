"""Labels, groups and symbols of a user's own data become those that are meant."""

from pathlib import Path
from typing import Any

import pytest

from polymath.util.errors import PolymathError
from support.labelled_words import WORDS
from support.own_data import CSV, prepare, prepare_csv, write


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


def test_blanks_around_characters_are_no_symbols(tmp_path: Path) -> None:
    lines = [f"{' ' * (number % 3)}{word[0]} {word[1:]}\t,{number % 2}"
             for number, word in enumerate(WORDS)]  # fmt: skip
    done = prepare_csv(tmp_path, lines, alphabet="character")
    assert {sequence[0] for sequence in done.table["sequence"]} == set("ACGT")
    assert {sequence[1] for sequence in done.table["sequence"]} == {" "}
    assert any("64 sequences" in notice for notice in done.card["notices"])


def test_rows_without_a_group_are_on_their_own(tmp_path: Path) -> None:
    groups = ["a", "b", "", " ", "NA", "nan"]
    lines = [f"{word},{number // 6 % 2},{groups[number % 6]}{' ' * (number // 6 % 2)}"
             for number, word in enumerate(WORDS)]  # fmt: skip
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
