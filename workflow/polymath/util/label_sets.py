"""Labels of rows as text and as numbers: one class, a value, or a set of labels.

A set is written as its labels in alphabetical order with a separator between them, so that equal
sets are equal texts; the empty set is the empty text.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def join_labels(labels: Iterable[str], separator: str) -> str:
    """Return a set of labels as text."""
    return separator.join(sorted(set(labels)))


def split_labels(text: str, separator: str) -> list[str]:
    """Return the labels of a set; blanks around them do not count."""
    return [label for name in text.split(separator) if (label := name.strip())]


def targets_of(
    values: Iterable[Any], labels: Sequence[str], separator: str | None = None
) -> NDArray[np.float64]:
    """Return the targets of rows as numbers.

    Args:
        values: the rows' class names, sets of labels as text, or numbers.
        labels: all classes or labels in order; empty for regression.
        separator: between the labels of a set; None where each row has one class.

    Returns:
        (rows,) class numbers or values; of sets (rows, labels) with 1 for each label that a row
        has, 0 for the others.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    if separator is None:
        return np.array([numbers[each] if numbers else each for each in values], dtype=np.float64)
    rows = [[numbers[label] for label in split_labels(text, separator)] for text in values]
    targets = np.zeros((len(rows), len(labels)))
    for row, own in enumerate(rows):
        targets[row, own] = 1
    return targets
