"""A condition's answers on test items, windows joined by their votes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.item_bootstrap import item_weights, resample_score
from polymath.evaluation.metrics import vote
from polymath.util.storage import read_metadata, read_table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What the replicates that finished answered on the same test items, in the same order."""

    metric: str
    targets: Floats
    """(items,) class numbers or values."""
    by_replicate: dict[int, Floats]
    """(items,) the class or value that each replicate gave."""

    def resampled(self) -> dict[int, Floats]:
        """Return each replicate's scores, (resamples,), on the same resampled items."""
        return {
            replicate: resample_score(
                self.targets, given, item_weights(len(self.targets)), self.metric
            )
            for replicate, given in self.by_replicate.items()
        }


def read_answers(predictions: Path) -> Answers:
    """Read the test answers of a condition, items in the order of their names."""
    metadata, table = read_metadata(predictions), read_table(predictions)
    table = table[table["split"] == "test"]
    task_type, labels = metadata["type"], metadata["labels"]
    targets = np.zeros(0)
    answers = {}
    for replicate, part in table.groupby("replicate"):
        logits = np.stack(part["logits"].to_list()).astype(float)
        names, outputs = vote(part["item"].to_numpy(), logits, task_type)
        order = np.argsort(np.array(names))
        given = outputs.argmax(axis=1) if task_type == "classification" else outputs[:, 0]
        answers[int(replicate)] = given[order].astype(float)
        truth = part["label"][~part["item"].duplicated()]
        if task_type == "classification":
            truth = pd.Series(pd.Categorical(truth, categories=labels).codes)
        targets = truth.to_numpy(dtype=float)[order]
    return Answers(metadata["metric"], targets, answers)
