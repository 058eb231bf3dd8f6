"""Similar sequences against definitions written out, and what they do to a split."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polymath.data.alphabets import SEPARATOR
from polymath.data.similarity import (
    count_near_neighbours,
    encode_symbols,
    find_similar,
    represent_similar,
)
from polymath.experiment.datasets import Alphabet, SimilarityGroups
from support.own_data import prepare_csv

QUICK = settings(max_examples=60, deadline=None)
DNA = Alphabet(kind="character")
STRINGS = st.lists(st.text("ACG", min_size=1, max_size=9), min_size=1, max_size=12)
THRESHOLDS = st.sampled_from([0.5, 2 / 3, 0.7, 0.75, 0.8, 1.0])


def edit_distance(a: str, b: str) -> int:
    """Wagner and Fischer's table."""
    row = list(range(len(b) + 1))
    for number, symbol in enumerate(a, 1):
        above, row = row, [number]
        for place, other in enumerate(b, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (symbol != other)))
    return row[-1]


def identity(a: str, b: str) -> float:
    return 1 - edit_distance(a, b) / max(len(a), len(b))


def containment(a: str, b: str, k: int) -> float:
    first, second = ({s[i : i + k] for i in range(len(s) - k + 1)} or {s} for s in (a, b))
    return len(first & second) / min(len(first), len(second))


def pairs_found(
    queries: list[str], choices: list[str], policy: SimilarityGroups
) -> set[tuple[int, int]]:
    rows, columns = find_similar(queries, choices, policy)
    assert len(set(zip(rows, columns, strict=True))) == len(rows)
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


@QUICK
@given(STRINGS, STRINGS, THRESHOLDS)
def test_identity_is_edit_distance_per_length(
    queries: list[str], choices: list[str], threshold: float
) -> None:
    expected = {
        (row, column)
        for row, query in enumerate(queries)
        for column, choice in enumerate(choices)
        if identity(query, choice) >= threshold - 1e-9
    }
    policy = SimilarityGroups(threshold=threshold)
    assert pairs_found(queries, choices, policy) == expected


@QUICK
@given(STRINGS, STRINGS, THRESHOLDS, st.integers(1, 4))
def test_containment_is_of_distinct_kmers(
    queries: list[str], choices: list[str], threshold: float, k: int
) -> None:
    expected = {
        (row, column)
        for row, query in enumerate(queries)
        for column, choice in enumerate(choices)
        if containment(query, choice, k) >= threshold - 1e-9
    }
    policy = SimilarityGroups(measure="containment", threshold=threshold, k=k)
    assert pairs_found(queries, choices, policy) == expected


@pytest.mark.parametrize("measure", ["identity", "containment"])
def test_blocks_change_nothing(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    strings = ["".join(generator.choice(list("AC"), size)) for size in generator.integers(3, 9, 50)]
    policy = SimilarityGroups.model_validate({"measure": measure})
    at_once = pairs_found(strings, strings, policy)
    monkeypatch.setattr("polymath.data.similarity.BLOCK", 100)
    assert pairs_found(strings, strings, policy) == at_once


@QUICK
@given(STRINGS, THRESHOLDS, st.randoms())
def test_linked_sequences_share_their_smallest(
    strings: list[str], threshold: float, random: object
) -> None:
    linked = {string: {string} for string in strings}
    for a, b in combinations(set(strings), 2):
        if identity(a, b) >= threshold - 1e-9:
            joined = linked[a] | linked[b]
            linked.update(dict.fromkeys(joined, joined))
    found = represent_similar(pd.Series(strings), DNA, SimilarityGroups(threshold=threshold))
    assert list(found) == [min(linked[string]) for string in strings]


def test_without_a_policy_each_sequence_stands_for_itself() -> None:
    sequences = pd.Series(["ACGT", "ACGA"])
    assert represent_similar(sequences, DNA, None).equals(sequences)


def test_symbols_of_any_alphabet_are_compared_not_characters() -> None:
    pitches = Alphabet(kind="separator")
    sequences = pd.Series(["60 62 64 65 67", "60 62 64 65 72", "1 2"])
    assert [len(string) for string in encode_symbols(sequences, pitches)] == [5, 5, 2]
    found = represent_similar(sequences, pitches, SimilarityGroups())
    assert list(found) == ["60 62 64 65 67", "60 62 64 65 67", "1 2"]


@pytest.mark.parametrize("kind", ["separator", "model"])
def test_a_pair_is_compared_as_one_sequence(kind: str) -> None:
    pair = pd.Series([f"a cat{SEPARATOR}sat down", "a cat sat down"])
    alphabet = Alphabet.model_validate({"kind": kind})
    first, second = encode_symbols(pair, alphabet)
    assert first == second


@QUICK
@given(STRINGS, STRINGS)
def test_near_neighbours_are_counted_over_test_rows(test: list[str], train: list[str]) -> None:
    counted = count_near_neighbours(pd.Series(test), pd.Series(train), DNA, SimilarityGroups(), 0)
    near = sum(any(identity(a, b) >= 0.8 - 1e-9 for b in train) for a in test)
    assert counted == {
        "measure": "identity", "threshold": 0.8, "near": near, "test_rows": len(test),
        "compared_test_rows": len(test), "compared_symbols": None,
    }  # fmt: skip


def test_of_large_data_a_seeded_sample_is_compared_and_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("polymath.data.similarity.MOST", 80)
    monkeypatch.setattr("polymath.data.similarity.LONGEST", 4)
    test, train = pd.Series(["ACGTTT"] * 10 + ["GGGG"] * 10), pd.Series(["ACGTAA", "CCCC"])
    counts = [
        count_near_neighbours(test, train, DNA, SimilarityGroups(), seed)
        for seed in (1, 1, *range(2, 9))
    ]
    assert counts[0] == counts[1]
    assert {count["compared_test_rows"] for count in counts} == {10}
    assert {count["compared_symbols"] for count in counts} == {4}
    assert len({count["near"] for count in counts}) > 1


def test_k_goes_with_containment_only() -> None:
    with pytest.raises(ValidationError, match="'k' goes with measure 'containment'"):
        SimilarityGroups(k=4)


def families() -> list[str]:
    """Twelve families of four sequences, each one substitution from its first."""
    generator = np.random.default_rng(1)
    rows = []
    for family in range(12):
        first = generator.choice(list("ACGT"), 20)
        for place in range(4):
            member = first.copy()
            member[place] = "ACGT"["ACGT".index(first[place]) - 1]
            rows.append(f"{''.join(member)},{'ab'[family % 2]},f{family}")
    return rows


def test_families_never_straddle(tmp_path: Path) -> None:
    prepared = prepare_csv(tmp_path, families(), "seq,y,family", similarity_groups={})
    family = {row.split(",")[0]: row.split(",")[2] for row in families()}
    table = prepared.table.assign(family=prepared.table["sequence"].map(family))
    assert (table.groupby("family")["split"].nunique() == 1).all()
    assert table.groupby("family")["group"].nunique().eq(1).all()
    assert prepared.card["groups"] == 12


def test_similar_rows_join_the_groups_that_a_reader_names(tmp_path: Path) -> None:
    rows = families()
    rows = [f"{row},{'twin' if number in (3, 8) else number}" for number, row in enumerate(rows)]
    reader = {"format": "csv", "sequence": "seq", "label": "y", "group": "plate"}
    prepared = prepare_csv(
        tmp_path, rows, "seq,y,family,plate", similarity_groups={}, reader=reader
    )
    assert prepared.card["groups"] == 11  # the first family and the third are one


def test_of_an_official_split_only_training_rows_are_dropped(tmp_path: Path) -> None:
    names = ["test", "dev", "train", "train"]  # of every family's four, but for the last eight
    rows = [
        ",".join([*row.split(",")[:2], names[number % 4] if number < 16 else "train"])
        for number, row in enumerate(families())
    ]
    reader = {"format": "csv", "sequence": "seq", "label": "y", "split": "part"}
    with_policy = prepare_csv(tmp_path, [*rows, *tail()], "seq,y,part", similarity_groups={},
                              reader=reader)  # fmt: skip
    assert with_policy.card["splits"] == {"train": 32, "dev": 2, "test": 4}
    assert with_policy.rejected() == {"same sequence, similar sequences or group as a test row": 12}


def tail() -> list[str]:
    """Two dev rows unlike all others."""
    return ["A" * 20 + ",a,dev", "C" * 20 + ",b,dev"]
