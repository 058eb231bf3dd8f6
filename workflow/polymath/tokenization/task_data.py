"""A task as every learner reads it: its token rows and what their labels mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.data.label_sets import strata_of
from polymath.data.splits import subset_train
from polymath.util.label_sets import targets_of
from polymath.util.storage import COMPANION_SHA256, read_with_metadata


@dataclass(frozen=True)
class Task:
    """A task's token rows and what its labels mean."""

    rows: pd.DataFrame
    metadata: dict[str, Any]

    @property
    def type(self) -> str:
        """`classification`, `regression` or `multi-label`."""
        return str(self.metadata["type"])

    @property
    def outputs(self) -> int:
        """Logits per row: the number of classes or labels, or 1 for regression."""
        return max(1, len(self.metadata["labels"]))

    def targets(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return (rows,) class numbers or values, or (rows, labels) 0 and 1 of sets of labels."""
        return targets_of(rows["label"], self.metadata["labels"], self.separator)

    @property
    def separator(self) -> str | None:
        """What stands between the labels of a row; None if each row has one label."""
        return self.metadata.get("label_separator")

    def class_sizes(self) -> NDArray[np.int64]:
        """Return (classes,) training items; empty for regression."""
        if self.type == "regression":
            return np.zeros(0, dtype=np.int64)
        targets = self.targets(self._train_items()).astype(int)
        if targets.ndim == 2:
            return targets.sum(axis=0)
        return np.bincount(targets, minlength=self.outputs)

    def majority(self) -> int | list[int]:
        """Return the number of the most common training class; 0 for regression.

        Of sets of labels, those that more than half of the training items have.
        """
        if self.separator is not None:
            common = self.class_sizes() > len(self._train_items()) / 2
            return [int(number) for number in np.flatnonzero(common)]
        return 0 if self.type == "regression" else int(self.class_sizes().argmax())

    def _train_items(self) -> pd.DataFrame:
        return self.rows[self.rows["split"] == "train"].drop_duplicates("item")


def read_task(tokens: Path) -> Task:
    """Read a task's tokens table."""
    rows, metadata = read_with_metadata(tokens)
    metadata.pop(COMPANION_SHA256, None)
    return Task(rows, metadata)


def train_mask(task: Task, fraction: float, subset_seed: int) -> "pd.Series[bool]":
    """Return the mask of the rows of a share of the training items; see `splits.subset_train`."""
    train = task.rows["split"] == "train"
    items = task.rows[train].drop_duplicates("item")[["item", "label"]]
    if task.separator is not None:
        items = items.assign(label=strata_of(items["label"], items["item"], task.separator))
    kept = subset_train(items, fraction, subset_seed, task.type != "regression")
    return train & task.rows["item"].isin(kept)
