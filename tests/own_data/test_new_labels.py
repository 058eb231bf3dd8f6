"""Which column `new` takes for the label, and which labels and sets of them are in it."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymath.own_data.check import describe_check
from polymath.own_data.options import Asked, add_new_options, asked_in
from polymath.own_data.several_labels import find_separators
from polymath.own_data.yaml_text import write_yaml
from polymath.util.errors import PolymathError
from support.drafts import MOST_LINES, draft_csv, draft_of, load, peptides


def test_two_columns_that_may_be_the_label_are_named_with_the_option(tmp_path: Path) -> None:
    lines = ["seq,active,toxic", *(f"{'ACGT' * 5}{'AC' * n},{n % 2},{n % 3}" for n in range(30))]
    with pytest.raises(PolymathError, match=r"'binds' .*'toxic' .*--label"):
        draft_csv(tmp_path, [line.replace("active", "binds") for line in lines])
    assert draft_csv(tmp_path, lines, label="toxic").entry["reader"]["label"] == "toxic"
    with pytest.raises(PolymathError, match=r"--label: no column 'toxi': did you mean 'toxic'"):
        draft_csv(tmp_path, lines, label="toxi")


def test_missing_values_do_not_make_classes_of_numbers(tmp_path: Path) -> None:
    lines = [f"ACGT{'ACGT' * n},{'NA' if n % 9 == 4 else n % 5 + 0.5}" for n in range(60)]
    with pytest.raises(PolymathError, match="line 6: label 'NA' is not a finite number"):
        draft_csv(tmp_path, ["sequence,label", *lines])


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


def test_rare_classes_are_left_out_and_imbalance_sets_the_metric(tmp_path: Path) -> None:
    labels = ["a"] * 90 + ["b"] * 12 + ["c"]
    lines = [f"{'ACGT' * 3}{n:b},{label}" for n, label in enumerate(labels)]
    lines = [line.replace("0", "A").replace("1", "C") for line in lines]
    draft = draft_csv(tmp_path, ["sequence,label", *lines])
    assert draft.entry["labels"] == ["a", "b"]
    assert draft.entry["metric"] == "macro_f1"


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
    repeated = parser.parse_args(["own.csv", "--label", "a", "--label", "b"])
    assert asked_in(repeated) == Asked(label=("a", "b"))


def test_labels_in_composed_and_decomposed_letters_are_one_class(tmp_path: Path) -> None:
    names = ["Dvořák", "Dvor\u030ca\u0301k", "Bach", "Bach"]
    rows = [f"{row},{names[n % 4]}" for n, row in enumerate(peptides(80))]
    draft = draft_csv(tmp_path, ["sequence,composer", *rows])
    assert "classes: 2: Dvořák 40 (50%), Bach 40 (50%)" in draft.facts


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


@pytest.mark.parametrize(
    ("header", "label", "odd"),
    [
        ("sequence,ic50", "{n}.5", ">3.5"),
        ("sequence,y", "{n}.5", "inf"),
        ("sequence,ic50", "{n}.5 nM", "3.5 nM"),
        ("sequence,ic50", "{n}.5%", "3.5%"),
    ],
)
def test_numbers_with_units_or_signs_are_named_by_their_line(
    tmp_path: Path, header: str, label: str, odd: str
) -> None:
    labels = [label.format(n=n) for n in range(3, 43)]
    lines = [f"{row},{value}" for row, value in zip(peptides(40), [odd, *labels[1:]], strict=True)]
    with pytest.raises(PolymathError, match=r"not numbers alone.*line 2\): .*leave out") as raised:
        draft_csv(tmp_path, [header, *lines])
    assert repr(odd) in str(raised.value)


def test_groups_of_mixed_classes_are_not_taken_where_a_class_has_none_to_itself(
    tmp_path: Path,
) -> None:
    commonest_in_one = [int(n % 5 < (3 if n % 3 == 2 else 2)) for n in range(60)]
    rows = enumerate(zip(peptides(60), commonest_in_one, strict=True))
    lines = [f"{row},{'ABC'[n % 3]},{label}" for n, (row, label) in rows]
    draft = draft_csv(tmp_path, ["sequence,family,active", *lines])
    assert "group" not in draft.entry["reader"]
    assert any(fact.startswith("group: none, as class ") for fact in draft.facts)


def test_groups_are_taken_for_numbers(tmp_path: Path) -> None:
    lines = [f"{row},f{n % 12},{n}.5" for n, row in enumerate(peptides(60))]
    draft = draft_csv(tmp_path, ["sequence,family,affinity", *lines])
    assert draft.entry["type"] == "regression"
    assert draft.entry["reader"]["group"] == "family"


def test_a_column_of_yes_and_no_for_training_is_said_to_be_unused(tmp_path: Path) -> None:
    lines = [f"{row},{n % 2},{n % 4 > 0}" for n, row in enumerate(peptides(40))]
    facts = draft_csv(tmp_path, ["sequence,label,is_train", *lines]).facts
    assert any(fact.startswith("split: 'is_train' is not used") for fact in facts)


def test_a_number_written_in_two_ways_is_one_class(tmp_path: Path) -> None:
    labels = ["1.0", *["0", "1"] * 20, "0", "0"]
    rows = zip(peptides(len(labels)), labels, strict=True)
    draft = draft_csv(tmp_path, ["sequence,active", *(f"{row},{label}" for row, label in rows)])
    assert any(fact.startswith("classes: 2: 0 22 (51%), 1 21 (49%)") for fact in draft.facts)
    assert "labels" not in draft.entry
    assert draft.entry["positive"] == "1"
