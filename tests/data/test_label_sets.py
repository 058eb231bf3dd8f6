"""Rows of several labels: read from one column or several, checked, split and described."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymath.data.label_sets import strata_of
from polymath.data.splits import assign_splits
from polymath.experiment.datasets import Dataset, SplitPolicy
from polymath.util.errors import PolymathError
from polymath.util.label_sets import join_labels, split_labels, targets_of
from polymath.util.storage import read_metadata
from support.labelled_words import WORDS
from support.own_data import CSV, Prepared, prepare, prepare_csv, refusal

SETS: dict[str, Any] = {"type": "multi-label", "reader": {**CSV, "label_separator": ";"}}
COLUMNS: dict[str, Any] = {"type": "multi-label", "reader": {**CSV, "label": ["a", "g"]}}


def set_of(word: str) -> list[str]:
    return [name for name in "ACG" if name in word]


def joined_rows() -> list[str]:
    return [f"{word},{';'.join(set_of(word))}" for word in WORDS]


def test_sets_have_no_order_no_blanks_and_no_label_twice(tmp_path: Path) -> None:
    lines = joined_rows()
    lines[:4] = ["AAA,b ; a", "AAC,a;b;a", "AAG,;a;;b;", "AAT,"]
    prepared = prepare_csv(tmp_path, lines, **SETS)
    assert [prepared.labels()[word] for word in WORDS[:4]] == ["a;b", "a;b", "a;b", ""]
    metadata = read_metadata(prepared.records)
    assert metadata["labels"] == ["A", "C", "G", "a", "b"]
    assert metadata["label_separator"] == ";"
    assert "positive" not in prepared.card


def flag_rows() -> list[str]:
    pairs = [("1", "0"), ("true", "False"), ("YES", "no"), ("1.0", "0.0")]
    return [
        f"{word},{pairs[row % 4]['A' not in word]},{pairs[row % 3]['G' not in word]}"
        for row, word in enumerate(WORDS)
    ]


def test_columns_of_flags_are_sets_of_their_names(tmp_path: Path) -> None:
    prepared = prepare_csv(tmp_path, flag_rows(), "seq,a,g", **COLUMNS)
    for word, label in prepared.labels().items():
        assert label == ";".join(n for n, letter in (("a", "A"), ("g", "G")) if letter in word)
    renamed = prepare_csv(tmp_path, flag_rows(), "seq,a,g", **COLUMNS, label_map={"g": "x"})
    assert read_metadata(renamed.records)["labels"] == ["a", "x"]


@pytest.mark.parametrize(
    ("lines", "header", "fields", "named"),
    [
        ([*flag_rows()[:5], "CCC,2,1", *flag_rows()[6:]], "seq,a,g", COLUMNS,
         ["own.csv: line 7", "'a'", "'2'", "write 1 or 0"]),
        ([*flag_rows()[:5], "CCC,1,", *flag_rows()[6:]], "seq,a,g", COLUMNS,
         ["own.csv: line 7", "'g'", "''", "write 1 or 0"]),
        (flag_rows(), "seq,b,g", COLUMNS, ["no column 'a' for 'label'"]),
        ([f"{word},same" for word in WORDS], "seq,y", SETS, ["own.csv", "label_separator"]),
        ([f"{word}," for word in WORDS], "seq,y", SETS, ["own.csv", "label_separator"]),
        (joined_rows(), "seq,y", {**SETS, "labels": ["A", "Z"]}, ["labels", "'Z'"]),
        (joined_rows(), "seq,y", {**SETS, "label_map": {"Z": "z"}}, ["label_map", "'Z'"]),
    ],
)  # fmt: skip
def test_errors_name_place_value_and_remedy(
    lines: list[str], header: str, fields: dict[str, Any], named: list[str], tmp_path: Path
) -> None:
    message = refusal(tmp_path, lines, header, **fields)
    assert all(text in message for text in named), message


def test_labels_to_keep_and_labels_joined_leave_rows_whole(tmp_path: Path) -> None:
    fields = {**SETS, "labels": ["G", "A"], "label_map": {"C": "A"}}
    prepared = prepare_csv(tmp_path, joined_rows(), **fields)
    for word, label in prepared.labels().items():
        names = {{"C": "A"}.get(name, name) for name in set_of(word)}
        assert label == ";".join(sorted(names))
    assert read_metadata(prepared.records)["labels"] == ["G", "A"]
    kept = prepare_csv(tmp_path, joined_rows(), **{**SETS, "labels": ["G", "A"]})
    assert len(kept.table) == len(WORDS)
    assert not any("C" in label for label in kept.labels().values())
    assert any("C" in notice and "37 sets" in notice for notice in kept.card["notices"])


def test_the_card_counts_labels_and_sets(tmp_path: Path) -> None:
    prepared = prepare_csv(tmp_path, joined_rows(), **SETS)
    by_label = prepared.card["labels_by_split"]
    assert {name: sum(counts.values()) for name, counts in by_label.items()} == {
        name: sum(name in word for word in WORDS) for name in "ACG"
    }
    sets = prepared.card["label_sets"]
    assert sets["without_label"] == 1  # TTT
    assert sets["distinct"] == 8
    assert sets["labels_per_row"] == pytest.approx(3 * 37 / 64)


def test_lists_of_json_are_sets(tmp_path: Path) -> None:
    rows = [{"seq": word, "y": set_of(word)} for word in WORDS]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    fields = {**SETS, "reader": {**SETS["reader"], "format": "json"}}
    prepared = prepare(path, tmp_path / "out", **fields)
    assert prepared.labels() == {word: ";".join(set_of(word)) for word in WORDS}
    path.write_text("\n".join(json.dumps({"seq": word, "y": ["A;B", "C"]}) for word in WORDS))
    with pytest.raises(PolymathError, match="label_separator") as caught:
        prepare(path, tmp_path / "out", **fields)
    assert "A;B" in str(caught.value)


def test_equal_sequences_with_other_sets_are_counted_or_dropped(tmp_path: Path) -> None:
    lines = [*joined_rows(), "AAA,A;C", "CCC,C;C"]  # the second is no contradiction
    noted = prepare_csv(tmp_path, lines, **SETS)
    assert any(notice.startswith("2 rows") for notice in noted.card["notices"])
    dropped = prepare_csv(tmp_path, lines, duplicates="drop", **SETS)
    assert dropped.rejected()["equal sequences with different labels"] == 2
    assert not dropped.splits("AAA")


def with_unseen() -> tuple[list[str], dict[str, Any]]:
    """Rows with an official split, where a label is in test alone."""
    lines = []
    for row, word in enumerate(WORDS):
        label = ";".join([*set_of(word), *(["rare"] if row == 0 else [])])
        lines.append(f"{word},{label},{'train' if row % 4 else 'test'}")
    return lines, {**SETS, "reader": {**SETS["reader"], "split": "s"}}


def test_a_label_without_a_training_row_is_refused_or_dropped_from_its_sets(
    tmp_path: Path,
) -> None:
    lines, fields = with_unseen()
    message = refusal(tmp_path, lines, "seq,y,s", **fields)
    assert "own.csv: line 2" in message
    assert "'rare'" in message
    assert "unseen_labels" in message
    kept = prepare_csv(tmp_path, lines, "seq,y,s", **fields, unseen_labels="drop")
    assert len(kept.table) == len(WORDS)
    assert kept.labels()["AAA"] == "A"
    assert any("rare" in notice and "1 sets" in notice for notice in kept.card["notices"])


def noted_absent(prepared: Prepared) -> list[str]:
    return [notice for notice in prepared.card["notices"] if "ROC-AUC" in notice]


def test_labels_that_test_lacks_are_noted(tmp_path: Path) -> None:
    lines, fields = with_unseen()
    lines = [line.replace("rare", "").replace(";,", ",") for line in lines]
    lines[1] = lines[1].replace("A;C", "A;C;rare")
    prepared = prepare_csv(tmp_path, lines, "seq,y,s", **fields)
    assert [notice[:5] for notice in noted_absent(prepared) if "A, rare" in notice] == ["test:"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"type": "classification"}, "multi-label"),
        ({"reader": CSV}, "label_separator"),
        ({"reader": {**CSV, "label": ["a", "a"]}}, "twice"),
        ({"reader": {**CSV, "label": ["a;b", "c"]}}, "label_separator"),
        ({"positive": "A"}, "positive"),
        ({"metric": "accuracy"}, "micro_f1"),
        ({"type": "classification", "reader": CSV, "metric": "micro_f1"}, "macro_f1"),
    ],
)
def test_keys_that_do_not_fit_are_named(changes: dict[str, Any], named: str) -> None:
    source = {"kind": "path", "path": "own.csv"}
    with pytest.raises(ValueError, match=named):
        Dataset.model_validate(
            {"domain": "dna", "source": source, "alphabet": "dna", **SETS, **changes}
        )


names = st.sampled_from(["a", "b b", "c,d", "É"])


@given(sets=st.lists(st.lists(names), min_size=1), spaced=st.booleans())
def test_text_and_numbers_hold_the_same_sets(sets: list[list[str]], spaced: bool) -> None:
    labels = ["a", "b b", "c,d", "É"]
    texts = [join_labels(own, ";") for own in sets]
    assert all(
        set(split_labels(text, ";")) == set(own) for text, own in zip(texts, sets, strict=True)
    )
    if spaced:
        texts = [text.replace(";", " ; ") for text in texts]
    targets = targets_of(texts, labels, ";")
    assert [[label for label, has in zip(labels, row, strict=True) if has] for row in targets] == [
        sorted(set(own)) for own in sets
    ]


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
def test_every_stratum_can_be_split(sizes: list[int], seed: int) -> None:
    """Whatever sets there are, each stratum has enough groups for its shares."""
    generator = np.random.default_rng(seed)
    sets = [";".join(sorted(set(generator.choice(list("abcdef"), 3)))) for _ in sizes]
    labels = pd.Series([text for text, size in zip(sets, sizes, strict=True) for _ in range(size)])
    groups = pd.Series([f"g{row}" for row in range(len(labels))])
    strata = strata_of(labels, groups, ";")
    counts = strata.value_counts()
    assert counts.min() >= min(10, len(labels))
    frequent = labels.map(labels.value_counts()) >= 10
    if len(counts) > 1:
        named = strata[frequent & (strata != "")]
        assert (named == labels[named.index]).all()
    if len(labels) >= 3:
        splits = assign_splits(strata, groups, SplitPolicy(), 1, stratify=True)
        assert set(splits) == {"train", "dev", "test"}


def test_frequent_sets_are_split_by_their_shares_and_rare_ones_by_their_rarest_label() -> None:
    labels = pd.Series(["a;b"] * 50 + ["b"] * 30 + ["a;b;c"] * 6 + ["a;c"] * 6 + [""] * 20)
    groups = pd.Series([f"g{row}" for row in range(len(labels))])
    strata = strata_of(labels, groups, ";")
    assert strata.groupby(labels).first().to_dict() == {
        "a;b": "a;b", "b": "b", "a;b;c": "c", "a;c": "c", "": "",
    }  # fmt: skip
