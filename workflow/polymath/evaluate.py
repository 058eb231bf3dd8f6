"""Predictions to scores: every metric of the task type, on dev and test, for each replicate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.conditions import Condition
from polymath.files import read_metadata, read_table, write_table
from polymath.scoring import chance_score, metrics_for, score_items, vote
from polymath.versions import SCORES

CONDITION_COLUMNS = tuple(Condition.__dataclass_fields__)

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in CONDITION_COLUMNS),
        ("domain", pa.string()),
        ("replicate", pa.int32()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("headline", pa.bool_()),
        ("items", pa.int32()),
        ("value", pa.float64()),
        ("chance", pa.float64()),
    ]
)


def evaluate(predictions: Path, metric: str, scores: Path) -> pd.DataFrame:
    """Score a condition's predictions and write one row a replicate, split and metric.

    Args:
        metric: the task's headline metric.
    """
    metadata = read_metadata(predictions)
    rows = list(_score_all(read_table(predictions), metadata))
    table = pd.DataFrame(rows)
    for name in (*CONDITION_COLUMNS, "domain"):
        table[name] = metadata[name]
    table["headline"] = table["metric"] == metric
    kept = {name: metadata[name] for name in ("precision", "device", "versions")}
    write_table(table[SCHEMA.names], scores, SCHEMA, {**kept, "code_version": SCORES})
    return table


def _score_all(table: pd.DataFrame, metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    task_type = metadata["type"]
    classes = {label: number for number, label in enumerate(metadata["labels"])}
    for (replicate, split), part in table.groupby(["replicate", "split"]):
        labels = part["label"].map(classes) if task_type == "classification" else part["label"]
        targets, items = labels.to_numpy(dtype=float), part["item"].to_numpy()
        logits = np.stack(part["logits"].to_list()).astype(float)
        names, _ = vote(items, logits, task_type)
        first = ~part["item"].duplicated().to_numpy()
        for metric in metrics_for(task_type):
            yield {
                "replicate": replicate,
                "split": split,
                "metric": metric,
                "items": len(names),
                "value": score_items(items, targets, logits, task_type, metric),
                "chance": chance_score(
                    metadata["train_majority"], targets[first], task_type, metric
                ),
            }
