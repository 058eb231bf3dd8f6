"""A task's errors as people read them: confusion matrix, scores per class, the surest errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.errors import (
    average_replicates,
    best_predictions,
    count_confusions,
    score_classes,
    score_labels,
    surest_errors,
    surest_label_errors,
)
from polymath.evaluation.label_sets import THRESHOLD
from polymath.experiment.paths import ResultPaths
from polymath.reporting.tables import format_number
from polymath.util.storage import read_table

MOST_CLASSES = 20  # of a confusion matrix; of more classes, the commonest confusions are listed
MOST_CONFUSIONS = 20
SYMBOLS = 60  # shown of a sequence
OF_LABELS = (
    f"Scores per label, predicted above a probability of {THRESHOLD}; n counts test items that "
    "have it."
)
OF_CLASSES = "Scores per class; n counts test items."


@dataclass(frozen=True)
class TaskErrors:
    """One task's part of the page."""

    task: str
    arm: str
    """The condition whose errors they are: the best trained one on dev."""
    replicates: int
    tables: dict[str, pd.DataFrame]
    """Texts, by caption."""


def errors_of_tasks(scores: Sequence[Path], results: ResultPaths) -> list[TaskErrors]:
    """Return the errors of each task of which a replicate finished.

    Args:
        scores: one file per task.
    """
    by_task = (_errors_of(path, results) for path in scores)
    return [errors for errors in by_task if errors is not None]


def _errors_of(scores: Path, results: ResultPaths) -> TaskErrors | None:
    condition, predictions = best_predictions(scores, results)
    if condition is None or predictions is None:
        return None
    items, labels = average_replicates(predictions), predictions.labels
    tables: dict[str, pd.DataFrame] = {}
    surest = surest_errors
    if items.targets.ndim == 2:
        tables = {OF_LABELS: _format_scores(score_labels(items, labels))}
        surest, kind = surest_label_errors, "wrong answers on a label with the highest probability"
    elif len(labels):
        counts = count_confusions(items, len(labels))
        caption, confusions = show_confusions(counts, labels)
        tables = {caption: confusions, OF_CLASSES: _format_scores(score_classes(counts, labels))}
        kind = "wrong answers with the highest probability"
    else:
        kind = "largest errors"
    errors = surest(items, labels)
    tables[f"The {len(errors)} {kind}."] = show_errors(errors, results.records(condition.task))
    tables = {caption: table for caption, table in tables.items() if len(table)}
    arm = condition.title.removeprefix(f"{condition.task} · ")
    return TaskErrors(condition.task, arm, len(predictions.by_replicate), tables)


def show_confusions(counts: NDArray[np.int64], labels: Sequence[str]) -> tuple[str, pd.DataFrame]:
    """Return the confusion matrix or, of many classes, the commonest confusions; with a caption."""
    if len(labels) <= MOST_CLASSES:
        table = pd.DataFrame(counts, columns=[*labels]).astype(str)
        table.insert(0, "true class", [*labels], allow_duplicates=True)
        return "Confusion matrix: test items; rows are true classes, columns predicted ones.", table
    wrong = counts * (1 - np.eye(len(labels), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    rows = [
        {"true class": labels[true], "predicted class": labels[answer],
         "test items": str(wrong[true, answer])}
        for true, answer in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[true, answer]
    ]  # fmt: skip
    caption = f"The commonest confusions of {len(labels)} classes."
    return caption, pd.DataFrame(rows, columns=["true class", "predicted class", "test items"])


def _format_scores(table: pd.DataFrame) -> pd.DataFrame:
    numbers = table.select_dtypes("float")
    return table.assign(
        **{name: [*map(format_number, numbers[name])] for name in numbers},
        n=table["n"].astype(str),
    )


def show_errors(errors: pd.DataFrame, records: Path) -> pd.DataFrame:
    """Return errors as texts, with their shortened sequences."""
    table = read_table(records).set_index("id")
    shown = errors.copy()
    for name in reversed([name for name in ("sequence", "sequence2") if name in table]):
        sequences = table[name].reindex(errors["id"])
        shown.insert(1, name, [*map(_shorten, sequences)])
    spec = ".3f" if "probability" in errors else ".4g"
    numbers = [name for name in ("label", "prediction", "probability")
               if name in errors and errors[name].dtype.kind == "f"]  # fmt: skip
    return shown.assign(
        **{name: [format_number(value, spec) for value in errors[name]] for name in numbers}
    )


def _shorten(sequence: str) -> str:
    return sequence if len(sequence) <= SYMBOLS else f"{sequence[:SYMBOLS]}…"
