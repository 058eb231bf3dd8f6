"""A task as every learner reads it: its token rows and what their labels mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.data.splits import subset_train
from polymath.util.storage import read_with_metadata


@dataclass(frozen=True)
class Task:
    """A task's token rows and what its labels mean."""

    rows: pd.DataFrame
    metadata: dict[str, Any]

    @property
    def type(self) -> str:
        """`classification` or `regression`."""
        return str(self.metadata["type"])

    @property
    def outputs(self) -> int:
        """Logits per row: the number of classes, or 1 for regression."""
        return max(1, len(self.metadata["labels"]))

    def targets(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return (rows,) class numbers, or values as they are."""
        if self.type == "regression":
            return np.array(rows["label"], dtype=np.float64)
        numbers = {label: number for number, label in enumerate(self.metadata["labels"])}
        return rows["label"].map(numbers).to_numpy(dtype=np.float64)

    def class_sizes(self) -> NDArray[np.int64]:
        """Return (classes,) training items; empty for regression."""
        if self.type == "regression":
            return np.zeros(0, dtype=np.int64)
        train = self.rows[self.rows["split"] == "train"].drop_duplicates("item")
        return np.bincount(self.targets(train).astype(int), minlength=self.outputs)

    def majority(self) -> int:
        """Return the number of the most common training class; 0 for regression."""
        return 0 if self.type == "regression" else int(self.class_sizes().argmax())


def read_task(tokens: Path) -> Task:
    """Read a task's tokens table."""
    return Task(*read_with_metadata(tokens))


def train_mask(task: Task, fraction: float, subset_seed: int) -> "pd.Series[bool]":
    """Return the mask of the rows of a share of the training items; see `splits.subset_train`."""
    train = task.rows["split"] == "train"
    items = task.rows[train].drop_duplicates("item")[["item", "label"]]
    kept = subset_train(items, fraction, subset_seed, task.type == "classification")
    return train & task.rows["item"].isin(kept)
