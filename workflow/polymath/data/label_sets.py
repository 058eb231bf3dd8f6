"""Rows of several labels: how they are read, counted and kept on both sides of a split."""

from collections import Counter

import pandas as pd

from polymath.data.splits import commonest
from polymath.util.errors import PolymathError
from polymath.util.label_sets import join_labels, split_labels

FEWEST = 10  # groups of rows in a frequent stratum, so that a tenth of them is one
YES = frozenset({"1", "1.0", "true", "yes"})
NO = frozenset({"0", "0.0", "false", "no"})


def join_columns(flags: pd.DataFrame, places: pd.Series, separator: str) -> pd.Series:
    """Return each row's set of labels from columns that say whether it has them.

    Args:
        flags: a column per label, of YES and NO in any case.

    Raises:
        PolymathError: naming the first row and column with another value.
    """
    words = flags.apply(lambda column: column.str.strip().str.lower())
    for name, column in words.items():
        bad = ~column.isin(YES | NO)
        if bad.any():
            raise PolymathError(
                f"{places[bad].iloc[0]}: label column '{name}' has "
                f"{flags.loc[bad, name].iloc[0]!r} ({bad.sum()} such rows): write 1 or 0 (true or "
                "false, yes or no), or leave the column out of 'label'"
            )
    has = words.isin(YES).to_numpy()
    sets = [join_labels(flags.columns[row], separator) for row in has]
    return pd.Series(sets, index=flags.index)


def explode_labels(labels: pd.Series, separator: str | None) -> pd.Series:
    """Return one entry per row and label, with the row's index; classes as they are.

    Args:
        labels: (rows,) class names, or sets as text.
        separator: between the labels of a set; None where each row has one class.
    """
    if separator is None:
        return labels
    single = labels.map(lambda text: split_labels(text, separator)).explode()
    return single[single.notna()].astype(str)


def count_by_split(table: pd.DataFrame, separator: str | None) -> pd.DataFrame:
    """Return how many rows of each label each split has: a row per label, a column per split."""
    single = explode_labels(table["label"], separator)
    return pd.crosstab(single, table.loc[single.index, "split"].to_numpy())


def keep_labels(labels: pd.Series, kept: set[str], separator: str) -> pd.Series:
    """Return the sets without labels that are not to be kept."""
    return labels.map(
        lambda text: join_labels(kept.intersection(split_labels(text, separator)), separator)
    )


def strata_of(labels: pd.Series, groups: pd.Series, separator: str) -> pd.Series:
    """Return by what each row is stratified: its set of labels if frequent, else its rarest label.

    Strata that are still rare are joined in one without a name, and this with the largest if it is
    rare itself. A group of several sets counts for its most common one.

    Args:
        labels: (rows,) sets as text.
        groups: (rows,) names of groups that stay together.
    """
    sets = commonest(labels, groups)
    sizes = Counter(label for text in sets for label in split_labels(text, separator))

    def rarest(text: str) -> str:
        own = split_labels(text, separator)
        return min(own, key=lambda label: (sizes[label], label), default="")

    strata = sets.where(_are_frequent(sets), sets.map(rarest))
    strata = strata.where(_are_frequent(strata), "")
    if (strata == "").sum() < FEWEST:
        strata = strata.replace("", strata.mode().iloc[0])
    return groups.map(strata)


def _are_frequent(values: pd.Series) -> pd.Series:
    return values.map(values.value_counts()) >= FEWEST


def has_label(labels: pd.Series, name: str, separator: str | None) -> pd.Series:
    """Return which rows have a label, or a class."""
    single = explode_labels(labels, separator)
    return pd.Series(labels.index.isin(single.index[single == name]), index=labels.index)
