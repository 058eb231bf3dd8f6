"""Split rows into training, development (dev) and test set, before anything else is decided."""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from polymath.experiment.datasets import SplitPolicy
from polymath.util.errors import PolymathError
from polymath.util.seeds import hash_order

SPLITS = ("train", "dev", "test")
ALIASES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "test": "test",
    "testing": "test",
}


def split_counts(records: pd.DataFrame) -> dict[str, int]:
    """Return the number of rows of each split."""
    counts: dict[str, int] = records["split"].value_counts().reindex(SPLITS, fill_value=0).to_dict()
    return counts


def join_groups(groups: pd.Series, sequences: pd.Series) -> pd.Series:
    """Return group names such that rows of one group or with one sequence share a name.

    Args:
        groups: (n,) text, '' where a row has no group.
        sequences: (n,) text: each row's sequence, or what stands for all sequences like it.

    Returns:
        (n,) text: the smallest name of each connected set.
    """
    by_sequence = "s:" + sequences
    keys = ("g:" + groups).where(groups != "", by_sequence)
    nodes, names = pd.factorize(pd.concat([keys, by_sequence]))
    edges = np.split(nodes, 2)  # from each row's group to its sequence
    graph = coo_array((np.ones(len(keys)), tuple(edges)), shape=(len(names), len(names)))
    _, components = connected_components(graph, directed=False)
    smallest = pd.Series(names).groupby(components).min().to_numpy()
    return pd.Series(smallest[components[edges[0]]], index=groups.index)


def commonest(labels: pd.Series, groups: pd.Series) -> pd.Series:
    """Return each group's most common label; of equally common ones the first in order.

    Args:
        labels, groups: (n,) text.

    Returns:
        (groups,) labels, by the groups' names.
    """
    return labels.groupby(groups.to_numpy()).agg(lambda of_group: of_group.mode().iloc[0])


def assign_splits(
    labels: pd.Series,
    groups: pd.Series,
    policy: SplitPolicy,
    seed: int,
    stratify: bool,
    splits: tuple[str, ...] = ("test", "dev"),
) -> pd.Series:
    """Assign whole groups to test, dev and train, each class by its own share.

    The groups of a class are taken in seeded hash order. Test is filled to its share of the
    class's rows (at least one group, always leaving one for each split after it), then dev; the
    rest is train. A group of several labels counts for its most common one.

    Args:
        labels: (n,) class names; ignored unless `stratify`.
        groups: (n,) group names.
        splits: those to fill before train, in order.

    Raises:
        PolymathError: naming the class with too few groups, and the remedy.
    """
    strata: dict[str, list[str]] = defaultdict(list)
    sizes = Counter(groups)
    majority = commonest(labels, groups)
    for group in sizes:
        strata[str(majority[group]) if stratify else ""].append(group)
    where: dict[str, str] = {}
    for label, names in sorted(strata.items()):
        if len(names) < len(splits) + 1:
            what = f"class '{label}'" if stratify and label else "the data set"
            raise PolymathError(
                f"{what} has {len(names)} distinct sequences or groups, too few for "
                f"{', '.join((*splits, 'train'))}: add rows, or list the classes to keep in "
                "'labels'"
            )
        where.update(_fill(hash_order(names, seed), sizes, splits, policy))
    return groups.map(where)


def _fill(
    order: list[str], sizes: Counter[str], splits: tuple[str, ...], policy: SplitPolicy
) -> dict[str, str]:
    total = sum(sizes[group] for group in order)
    where: dict[str, str] = {}
    remaining = list(order)
    for number, split in enumerate(splits):
        wanted = getattr(policy, split) * total
        must_leave = len(splits) - number
        taken = 0
        while len(remaining) > must_leave and (taken == 0 or taken + sizes[remaining[0]] <= wanted):
            group = remaining.pop(0)
            where[group] = split
            taken += sizes[group]
    where.update(dict.fromkeys(remaining, "train"))
    return where


def subset_train(items: pd.DataFrame, fraction: float, seed: int, stratify: bool) -> set[str]:
    """Return the ids of a share of the training items, stratified by class and nested.

    Args:
        items: one row per training item, columns `item` and `label`.
        fraction: share to keep, in (0, 1]; at least one item per class is kept.

    Smaller fractions of one seed are subsets of larger ones.
    """
    kept: set[str] = set()
    for _, of_class in items.groupby("label" if stratify else lambda _: 0):
        order = hash_order(sorted(of_class["item"]), seed)
        kept.update(order[: max(1, round(fraction * len(order)))])
    return kept
