"""Where a condition errs on test: counts per class, and the errors that it is surest of.

Outputs are averaged over replicates, as `python -m polymath predict` averages them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats
from polymath.evaluation.predictions import ItemPredictions, Predictions, read_test_predictions
from polymath.evaluation.ranking import rank_labels
from polymath.evaluation.scores import best_on_dev
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_table

SHOWN = 10  # errors of a task


def best_predictions(
    scores: Path, results: ResultPaths
) -> tuple[Condition, Predictions] | tuple[None, None]:
    """Return a task's best condition on dev and what it predicts of test; None if none finished."""
    best = best_on_dev(read_table(scores))
    return (best, read_test_predictions(results.predictions(best))) if best else (None, None)


def average_replicates(predictions: Predictions) -> ItemPredictions:
    """Return the mean probabilities, or values, of all replicates that finished."""
    outputs = np.mean([*predictions.by_replicate.values()], axis=0)
    return ItemPredictions(predictions.names, predictions.targets, outputs)


def count_confusions(items: ItemPredictions, classes: int) -> NDArray[np.int64]:
    """Return (classes, classes) items by their true class (row) and predicted class (column)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (items.targets.astype(int), items.predicted.astype(int)), 1)
    return counts


def score_classes(counts: NDArray[np.int64], labels: Sequence[str]) -> pd.DataFrame:
    """Return precision, recall, F1 and n, the true items, of each class.

    A share of nothing is NaN: precision of a class that is never predicted, recall and F1 of one
    without an item.
    """
    hits, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return pd.DataFrame({"class": [*labels], **_score_counts(hits, true, predicted), "n": true})


def _score_counts(
    hits: NDArray[Any], true: NDArray[Any], predicted: NDArray[Any]
) -> dict[str, Floats]:
    """Return precision, recall and F1 of (classes,) counts; NaN for a share of nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": hits / predicted,
            "recall": hits / true,
            "F1": np.where(true > 0, 2 * hits / (true + predicted), np.nan),
        }


def score_labels(items: ItemPredictions, labels: Sequence[str]) -> pd.DataFrame:
    """Return precision, recall, F1, ROC-AUC and n, the items that have it, of each label.

    NaN as of `score_classes`; ROC-AUC too where no item, or every item, has the label.
    """
    targets, predicted = items.targets, items.predicted
    hits, true, answered = ((kind > 0).sum(axis=0) for kind in
                            (targets * predicted, targets, predicted))  # fmt: skip
    counted = np.ones((1, len(targets)))
    aucs = [
        rank_labels("roc_auc", targets[:, [n]], items.outputs[:, [n]], counted)[0]
        for n in range(len(labels))
    ]
    scored = _score_counts(hits, true, answered)
    return pd.DataFrame({"label": [*labels], **scored, "ROC-AUC": aucs, "n": true})


def surest_label_errors(items: ItemPredictions, labels: Sequence[str]) -> pd.DataFrame:
    """Return the labels that are wrongly predicted, or wrongly not, with the highest probability.

    Columns: id, label (the true set), prediction, wrong (the label) and probability of the answer.
    """
    sureness = np.maximum(items.outputs, 1 - items.outputs)
    rows, columns = np.nonzero(items.predicted != items.targets)
    order = np.argsort(-sureness[rows, columns], kind="stable")[:SHOWN]
    rows, columns = rows[order], columns[order]

    def name(sets: Floats) -> list[str]:
        own = ([labels[int(n)] for n in np.flatnonzero(row)] for row in sets)
        return [", ".join(names) or "no label" for names in own]

    return pd.DataFrame(
        {
            "id": items.names[rows],
            "label": name(items.targets[rows]),
            "prediction": name(items.predicted[rows]),
            "wrong": [labels[int(n)] for n in columns],
            "probability": sureness[rows, columns],
        }
    )


def surest_errors(items: ItemPredictions, labels: Sequence[str]) -> pd.DataFrame:
    """Return the wrong answers with the highest probabilities, or the largest errors of values.

    Columns: id, label, prediction and, of classes, probability; of equals, the first item is first.
    """
    predicted, targets = items.predicted, items.targets
    sureness = items.outputs.max(axis=1) if len(labels) else np.abs(predicted - targets)
    wrong = np.flatnonzero(predicted != targets)
    chosen = wrong[np.argsort(-sureness[wrong], kind="stable")][:SHOWN]

    def name(values: Floats) -> list[str] | Floats:
        return [labels[int(value)] for value in values] if len(labels) else values

    table = pd.DataFrame(
        {
            "id": items.names[chosen],
            "label": name(targets[chosen]),
            "prediction": name(predicted[chosen]),
        }
    )
    return table.assign(probability=sureness[chosen]) if len(labels) else table


def predicted_values(scores: Sequence[Path], results: ResultPaths) -> pd.DataFrame:
    """Return true and predicted values of the best arm on dev of each regression.

    Columns: task, metric, arm, item, true, predicted.
    """
    tables = [pd.DataFrame(columns=["task", "metric", "arm", "item", "true", "predicted"])]
    for path in scores:
        condition, predictions = best_predictions(path, results)
        if condition is None or predictions is None or len(predictions.labels):
            continue
        items = average_replicates(predictions)
        tables.append(
            pd.DataFrame(
                {
                    "task": condition.task,
                    "metric": predictions.metric,
                    "arm": condition.init if not condition.is_baseline else condition.model,
                    "item": items.names,
                    "true": items.targets,
                    "predicted": items.predicted,
                }
            )
        )
    return pd.concat(tables[1:] or tables, ignore_index=True)
