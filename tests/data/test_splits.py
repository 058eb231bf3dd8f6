"""Properties of splits, groups and subsets, against independent oracles."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymath.data.splits import assign_splits, join_groups, subset_train
from polymath.experiment.datasets import SplitPolicy
from polymath.util.errors import PolymathError

QUICK = settings(max_examples=40, deadline=None)
POLICY = SplitPolicy(dev=0.15, test=0.2)
Rows = tuple[pd.Series, pd.Series]  # labels, groups


@st.composite
def grouped_rows(draw: st.DrawFn) -> Rows:
    """Rows of 1-4 classes, 3-12 groups each, 1-5 rows a group."""
    labels, groups = [], []
    for label in range(draw(st.integers(1, 4))):
        for number, size in enumerate(draw(st.lists(st.integers(1, 5), min_size=3, max_size=12))):
            labels += [f"class {label}"] * size
            groups += [f"g{label}.{number}"] * size
    order = draw(st.permutations(range(len(labels))))
    return pd.Series(labels)[order].reset_index(drop=True), pd.Series(groups)[order].reset_index(
        drop=True
    )


def split(rows: Rows, seed: int, stratify: bool = True) -> pd.Series:
    return assign_splits(*rows, POLICY, seed, stratify)


@QUICK
@given(grouped_rows(), st.integers(0, 99), st.booleans())
def test_every_group_is_on_one_side_and_each_class_in_each_split(
    rows: Rows, seed: int, stratify: bool
) -> None:
    splits = split(rows, seed, stratify)
    assert (splits.groupby(rows[1].to_numpy()).nunique() == 1).all()
    table = pd.crosstab(rows[0], splits)
    assert set(table.columns) == {"train", "dev", "test"}
    assert (table > 0).all().all() or not stratify


@QUICK
@given(grouped_rows(), st.integers(0, 99), st.booleans())
def test_split_depends_on_neither_the_order_of_rows_nor_the_call(
    rows: Rows, seed: int, stratify: bool
) -> None:
    once = split(rows, seed, stratify)
    assert once.equals(split(rows, seed, stratify))
    order = np.random.default_rng(seed).permutation(len(once))
    shuffled = split((rows[0].iloc[order], rows[1].iloc[order]), seed, stratify)
    assert shuffled.sort_index().equals(once)


@QUICK
@given(grouped_rows(), st.integers(0, 99))
def test_a_share_is_not_exceeded_but_by_one_group(rows: Rows, seed: int) -> None:
    splits = split(rows, seed)
    for label in set(rows[0]):
        of_class = rows[0] == label
        for split_name, share in (("test", POLICY.test), ("dev", POLICY.dev)):
            taken = (splits[of_class] == split_name).sum()
            groups = rows[1][of_class & (splits == split_name)].nunique()
            assert taken <= share * of_class.sum() or groups == 1


def test_shares_of_single_rows_are_exact() -> None:
    labels = pd.Series(["a"] * 100 + ["b"] * 40)
    groups = pd.Series([f"g{number}" for number in range(140)])
    table = pd.crosstab(labels, split((labels, groups), 3))
    assert table.loc["a"].to_dict() == {"dev": 15, "test": 20, "train": 65}
    assert table.loc["b"].to_dict() == {"dev": 6, "test": 8, "train": 26}


def test_pinned_split() -> None:
    groups = pd.Series([f"g{number}" for number in range(10)])
    splits = split((pd.Series(["a"] * 10), groups), 7)
    assert {split_name: list(groups[splits == split_name]) for split_name in ("test", "dev")} == {
        "test": ["g0", "g1"],
        "dev": ["g6"],
    }


def test_group_of_several_labels_counts_for_the_commonest() -> None:
    labels = pd.Series(["a", "a", "b", *["b"] * 2, *["a"] * 2])
    groups = pd.Series(["mixed"] * 3 + ["b1", "b2", "a1", "a2"])
    with pytest.raises(PolymathError, match="class 'b' has 2 distinct sequences or groups"):
        split((labels, groups), 1)


def test_dev_alone() -> None:
    groups = pd.Series([f"g{number}" for number in range(20)])
    splits = assign_splits(pd.Series(["a"] * 20), groups, POLICY, 1, True, splits=("dev",))
    assert splits.value_counts().to_dict() == {"train": 17, "dev": 3}


@pytest.mark.parametrize("stratify", [True, False])
def test_too_few_groups(stratify: bool) -> None:
    rows = pd.Series(["a"] * 5), pd.Series(["x", "x", "x", "y", "y"])
    what = "class 'a'" if stratify else "the data set"
    with pytest.raises(PolymathError, match=f"^{what} has 2 distinct.*too few for test, dev"):
        split(rows, 1, stratify)


# join_groups

PAIRS = st.lists(
    st.tuples(st.sampled_from(["", *"uvwxyz"]), st.sampled_from("ABCDEFGH")),
    min_size=1,
    max_size=30,
)
Pairs = list[tuple[str, str]]


def as_series(pairs: Pairs) -> tuple[pd.Series, pd.Series]:
    return pd.Series([pair[0] for pair in pairs]), pd.Series([pair[1] for pair in pairs])


def components(pairs: Pairs) -> list[int]:
    """An oracle: spread the smallest row number among rows that share a sequence or a group."""
    before, numbers = None, list(range(len(pairs)))
    while numbers != before:
        before = numbers
        numbers = [
            min(number for number, (g, s) in zip(before, pairs, strict=True)
                if s == sequence or (group and g == group))
            for group, sequence in pairs
        ]  # fmt: skip
    return numbers


def partition(names: list[object]) -> set[frozenset[int]]:
    members: dict[object, set[int]] = defaultdict(set)
    for row, name in enumerate(names):
        members[name].add(row)
    return {frozenset(rows) for rows in members.values()}


@settings(max_examples=150, deadline=None)
@given(PAIRS)
def test_joined_groups_are_connected_components(pairs: Pairs) -> None:
    joined = join_groups(*as_series(pairs))
    assert partition(list(joined)) == partition(list(components(pairs)))


@QUICK
@given(PAIRS, st.integers(0, 99))
def test_names_of_joined_groups_do_not_depend_on_the_order(pairs: Pairs, seed: int) -> None:
    groups, sequences = as_series(pairs)
    order = np.random.default_rng(seed).permutation(len(pairs))
    shuffled = join_groups(groups.iloc[order], sequences.iloc[order])
    assert shuffled.sort_index().equals(join_groups(groups, sequences))


def test_a_group_and_a_sequence_of_one_name_are_two() -> None:
    joined = join_groups(pd.Series(["A", ""]), pd.Series(["B", "A"]))
    assert list(joined) == ["g:A", "s:A"]


# subset_train


@st.composite
def labelled_items(draw: st.DrawFn) -> pd.DataFrame:
    counts = draw(st.lists(st.integers(1, 30), min_size=1, max_size=4))
    labels = [f"class {label}" for label, count in enumerate(counts) for _ in range(count)]
    return pd.DataFrame({"item": [f"i{n}" for n in range(len(labels))], "label": labels})


@QUICK
@given(
    labelled_items(),
    st.lists(st.floats(0.01, 1), min_size=2, max_size=4),
    st.integers(0, 99),
    st.booleans(),
)
def test_smaller_subsets_lie_in_larger_ones(
    items: pd.DataFrame, fractions: list[float], seed: int, stratify: bool
) -> None:
    subsets = [subset_train(items, share, seed, stratify) for share in sorted(fractions)]
    assert all(small <= large for small, large in pairwise(subsets))
    assert subset_train(items, 1.0, seed, stratify) == set(items["item"])


@QUICK
@given(labelled_items(), st.floats(0.01, 1), st.integers(0, 99))
def test_subsets_are_stratified(items: pd.DataFrame, fraction: float, seed: int) -> None:
    kept = subset_train(items, fraction, seed, stratify=True)
    taken = items[items["item"].isin(kept)]["label"].value_counts()
    for label, count in items["label"].value_counts().items():
        assert taken[label] >= 1
        assert abs(taken[label] - fraction * count) <= max(0.5, 1 - fraction * count)


def test_subset_without_classes() -> None:
    items = pd.DataFrame({"item": [f"i{n}" for n in range(40)], "label": np.linspace(0, 1, 40)})
    assert len(subset_train(items, 0.25, 1, stratify=False)) == 10


def test_subset_depends_on_the_seed_and_not_on_the_order() -> None:
    items = pd.DataFrame({"item": [f"i{n}" for n in range(40)], "label": ["a", "b"] * 20})
    first = subset_train(items, 0.25, 1, stratify=True)
    assert first == subset_train(items.iloc[::-1], 0.25, 1, stratify=True)
    assert first != subset_train(items, 0.25, 2, stratify=True)
