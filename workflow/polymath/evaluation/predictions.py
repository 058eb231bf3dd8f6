"""A condition's predictions: read from its table, windows joined into items by their votes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats
from polymath.evaluation.item_bootstrap import item_weights, resample_score
from polymath.evaluation.label_sets import predict_sets
from polymath.evaluation.metrics import predict, score
from polymath.util.errors import PolymathError
from polymath.util.label_sets import targets_of
from polymath.util.storage import read_table, read_with_metadata


@dataclass(frozen=True)
class ItemPredictions:
    """What a model predicted of a split's items, in the order of their first rows."""

    names: NDArray[np.str_]
    targets: Floats
    """(items,) class numbers or values, or (items, labels) of sets of labels."""
    outputs: Floats
    """(items, classes) probabilities, or (items, 1) values."""

    @property
    def predicted(self) -> Floats:
        """(items,) the most probable class, or the value; (items, labels) of sets."""
        return predict_sets(self.outputs) if self.targets.ndim == 2 else predict(self.outputs)


def vote(items: NDArray[np.str_], logits: Floats, task_type: str) -> tuple[list[str], Floats]:
    """Join the windows of each item: mean class probabilities, or mean value.

    Args:
        items: (n,) the item that each row belongs to.
        logits: (n, classes), or (n, 1) for regression.

    Returns:
        The items in order of first appearance, and (items, classes) probabilities or
        (items, 1) values.
    """
    outputs = PROBABILITIES[task_type](logits) if task_type in PROBABILITIES else logits
    numbers, names = pd.factorize(items)
    sums = np.zeros((len(names), logits.shape[1]))
    np.add.at(sums, numbers, outputs)
    return list(names), sums / np.bincount(numbers)[:, None]


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sigmoid(logits: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # without overflow


# Of the types whose outputs are logits.
PROBABILITIES = {"classification": _softmax, "multi-label": _sigmoid}


def join_windows(
    items: NDArray[np.str_], targets: Floats, logits: Floats, task_type: str
) -> ItemPredictions:
    """Let the windows of each item vote: mean class probabilities, or the mean value.

    Args:
        items, logits: as of `vote`.
        targets: (n,) class number or value of each row, or (n, labels) of sets of labels.
    """
    names, outputs = vote(items, logits, task_type)
    first = ~pd.Index(items).duplicated()
    return ItemPredictions(np.array(names), targets[first], outputs)


def score_items(
    items: NDArray[np.str_],
    targets: Floats,
    logits: Floats,
    task_type: str,
    metric: str,
    positive: int = 1,
) -> float:
    """Return one metric over items, after their windows have voted; arguments as join_windows."""
    joined = join_windows(items, targets, logits, task_type)
    return score(metric, joined.targets, joined.outputs, positive)


def joined_predictions(
    table: pd.DataFrame, metadata: dict[str, Any]
) -> Iterator[tuple[int, str, ItemPredictions]]:
    """Yield what each replicate predicted on each split, from the table that training left."""
    task_type, separator = metadata["type"], metadata.get("label_separator")
    for (replicate, split), rows in table.groupby(["replicate", "split"]):
        targets = targets_of(rows["label"], metadata["labels"], separator)
        logits = np.stack(rows["logits"].to_list()).astype(float)
        yield replicate, split, join_windows(rows["item"].to_numpy(), targets, logits, task_type)


@dataclass(frozen=True)
class Resampled:
    """A condition's headline scores on resampled test items, and its AUC on them."""

    groups: int
    """How many groups of items were drawn from; items without a group are groups of one."""
    by_replicate: dict[int, Floats]
    """(resamples,) each, on the same resamples."""
    auc: Mapping[int, Floats]
    """Likewise; empty for regression."""


@dataclass(frozen=True)
class Predictions:
    """What the replicates that finished predicted on the same test items, in the same order."""

    metric: str
    names: NDArray[np.str_]
    targets: Floats
    """(items,) class numbers or values, or (items, labels) of sets of labels."""
    by_replicate: dict[int, Floats]
    """(items, outputs) the probabilities or values that each replicate predicted."""
    labels: Sequence[str]
    """The classes in order; empty for regression."""

    def resample(self, groups: pd.Series, positive: str) -> Resampled:
        """Return each replicate's scores on the same resampled groups of items.

        Args:
            groups: each item's group, by the item's name.
            positive: the class that F1, AUC and average precision are of; empty if not of two.
        """
        if not self.by_replicate:
            return Resampled(0, {}, {})
        own = groups.reindex(self.names).to_numpy()
        weights = item_weights(own)
        number = list(self.labels).index(positive) if positive else 1

        def resample(metric: str) -> dict[int, Floats]:
            return {
                replicate: resample_score(self.targets, outputs, weights, metric, number)
                for replicate, outputs in self.by_replicate.items()
            }

        auc = resample("roc_auc") if len(self.labels) else {}
        return Resampled(len(np.unique(own)), resample(self.metric), auc)


def read_groups(records: Path) -> pd.Series:
    """Return the group of each of a task's items, by the item's name.

    Raises:
        PolymathError: if the records were deleted, which Snakemake does not notice.
    """
    if not records.exists():
        raise PolymathError(
            f"{records} is missing, and with it the groups of the test items: make it again with "
            "snakemake --cores all --forcerun prepare_records --until prepare_records"
        )
    return read_table(records).set_index("id")["group"]


def read_test_predictions(predictions: Path) -> Predictions:
    """Read what a condition predicted on test, items in the order of their names."""
    table, metadata = read_with_metadata(predictions)
    names, targets = np.zeros(0, dtype=str), np.zeros(0)
    by_replicate = {}
    for replicate, _, items in joined_predictions(table[table["split"] == "test"], metadata):
        order = np.argsort(items.names)
        names, targets = items.names[order], items.targets[order]
        by_replicate[int(replicate)] = items.outputs[order]
    return Predictions(metadata["metric"], names, targets, by_replicate, metadata["labels"])
