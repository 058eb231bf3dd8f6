"""Scores and predictions with known differences, and the matrix of scores alone."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.evaluation.arrays import Floats
from polymath.evaluation.comparisons import compare_scores, headline_scores
from polymath.evaluation.item_bootstrap import item_weights, resample_score
from polymath.evaluation.matrix import build_matrix
from polymath.evaluation.metrics import score
from polymath.evaluation.predictions import Resampled
from polymath.evaluation.rate_sensitivity import RateChoice
from polymath.evaluation.tables import SCORE_SCHEMA, prediction_schema
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import find_contrasts
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import write_table

ITEMS = 200
# What evidence reads of a task's records.
GROUPS_SCHEMA = pa.schema([("id", pa.string()), ("group", pa.string())])
DOMAINS = {"splice": "dna", "amp": "protein", "reuters": "text"}


def matrix_of(scores: pd.DataFrame, bases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the matrix of a table of scores; no resampled items are needed for it."""
    headline = headline_scores(scores)
    domains = {condition.task: values.domain for condition, values in headline.items()}
    lineage = Lineage(domains={}, bases=dict(bases or {}))
    contrasts = find_contrasts(list(headline), domains, lineage)
    choices = dict.fromkeys(headline, RateChoice(1, False))
    resampled = Resampled(2, defaultdict(lambda: np.zeros(2)), {})
    tables = compare_scores(headline, contrasts, lambda _: resampled, choices)
    return build_matrix(headline, *tables)


def write_predictions(
    rows: list[dict[str, Any]], path: Path, task_type: str = "classification", **metadata: Any
) -> Path:
    """Write predictions of two classes, `no` and `yes`, or of values, as training does."""
    labels = [] if task_type == "regression" else ["no", "yes"]
    metadata = {"type": task_type, "labels": labels, "metric": "accuracy", **metadata}
    schema = prediction_schema(task_type)
    write_table(pd.DataFrame(rows, columns=schema.names), path, schema, metadata)
    return path


def write_condition(results: ResultPaths, condition: Condition, rights: list[int]) -> pd.DataFrame:
    """Write a condition's test predictions and return its scores.

    Args:
        rights: how many of ITEMS items each replicate predicts right; -1 if it diverged.
    """
    rows, scores = [], []
    for replicate, right in enumerate(rights):
        ended = right < 0
        scores.append({**condition.columns, "domain": DOMAINS[condition.task],
                       "replicate": replicate, "split": "test", "metric": "accuracy",
                       "headline": True, "positive": "yes", "diverged_at": 1 if ended else None,
                       "answers": None if ended else 2,
                       "value": None if ended else right / ITEMS,
                       "items": None if ended else ITEMS,
                       "chance": None if ended else 0.6})  # fmt: skip
        if ended:
            continue
        # Which items are right depends on the replicate alone: arms of a pair share most.
        order = np.random.default_rng(replicate).permutation(ITEMS)
        for place, item in enumerate(order):
            label = "yes" if item < 0.6 * ITEMS else "no"
            answer = (label == "yes") == (place < right)
            rows.append({"replicate": replicate, "split": "test", "id": f"{item:03d}",
                         "item": f"{item:03d}", "label": label,
                         "logits": [0.0, 1.0] if answer else [1.0, 0.0]})  # fmt: skip
    write_predictions(rows, results.predictions(condition), **condition.columns)
    write_records(results, condition.task)
    return pd.DataFrame(scores, columns=SCORE_SCHEMA.names)


def write_records(results: ResultPaths, task: str, per_group: int = 1) -> None:
    """Write a task's records as far as evidence reads them: which group each item is in."""
    items = [f"{item:03d}" for item in range(ITEMS)]
    groups = [str(place // per_group) for place in range(ITEMS)]
    table = pd.DataFrame({"id": items, "group": groups})
    write_table(table, results.records(task), GROUPS_SCHEMA, {})


def require_drawn_scores(
    metric: str, targets: Floats, outputs: Floats, tolerance: float = 1e-12
) -> None:
    """Assert that scores on resamples of nine items are those of the drawn rows."""
    weights = item_weights(list("abcdefghi"))[:25]
    rows = [np.repeat(np.arange(9), counts.astype(int)) for counts in weights]
    expected = [score(metric, targets[drawn], outputs[drawn]) for drawn in rows]
    found = resample_score(targets, outputs, weights, metric)
    np.testing.assert_allclose(found, expected, atol=tolerance)
