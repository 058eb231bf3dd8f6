"""Baselines in the same tables as trained models: the majority class and linear n-gram models."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from polymath.evaluation.metrics import require_fit
from polymath.evaluation.predictions import score_items
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.stage_versions import BASELINES
from polymath.tokenization.task_data import Task, read_task, train_mask
from polymath.training.job import BaselineJob
from polymath.util.machine import describe_machine
from polymath.util.seeds import derive_seed, seed_levels
from polymath.util.storage import write_table

Floats = NDArray[np.float64]

LONGEST = 3  # symbols in an n-gram
FEATURES = 2**18  # most n-grams, the commonest
STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # inverse regularisation, chosen on dev


@dataclass(frozen=True)
class FittedBaseline:
    """A fitted baseline's predictions for every row.

    Attributes:
        logits: (rows, outputs) log-probabilities of the classes, or the value.
        strength: the inverse regularisation C; None for the majority.
    """

    logits: Floats
    strength: float | None


def run_baseline(
    job: BaselineJob, predictions: Path, curves: Path, log: Callable[[str], None]
) -> None:
    """Write a baseline's predictions, and learning curves without a point, as fine-tuning does.

    A baseline depends on the data alone, so it is fitted once per distinct training subset, and
    replicates that share the subset share its predictions.
    """
    task = read_task(job.tokens)
    require_fit(job.condition.task, job.metric, task.outputs)
    fitted: dict[bytes, FittedBaseline] = {}
    baselines = []
    for replicate in range(job.replicates):
        level = seed_levels(replicate, job.crossed)["subset"]
        subset_seed = derive_seed(job.seed, "subset", level)
        train = train_mask(task, float(job.condition.fraction), subset_seed).to_numpy()
        key = train.tobytes()
        if key not in fitted:
            fitted[key] = FITTERS[job.condition.model](task, train, job.metric)
            log(f"{_describe(fitted[key])} fitted to {train.sum()} training rows")
        baselines.append(fitted[key])
    metadata = _provenance(job, task, baselines)
    tables = [_tabulate(task, baseline.logits, number) for number, baseline in enumerate(baselines)]
    schema = prediction_schema(task.type)
    write_table(pd.DataFrame(columns=CURVE_SCHEMA.names), curves, CURVE_SCHEMA, metadata)
    write_table(pd.concat(tables), predictions, schema, metadata)


def fit_majority(task: Task, train: NDArray[np.bool_], metric: str) -> FittedBaseline:
    """Predict the training items' share of each class, or their mean value."""
    items = task.rows[train].drop_duplicates("item")
    targets = task.targets(items)
    if task.type == "regression":
        outputs = np.array([targets.mean()])
    else:
        outputs = np.log(np.bincount(targets.astype(int)) / len(targets))
    return FittedBaseline(np.tile(outputs, (len(task.rows), 1)), None)


def fit_ngrams(task: Task, train: NDArray[np.bool_], metric: str) -> FittedBaseline:
    """Fit a linear model of n-grams of symbols, n up to LONGEST, weighted by TF-IDF.

    Logistic regression for classes, ridge regression for values; the regularisation is the best
    on the development set by `metric` (ties go to the strongest). Windows of an item are rows, and
    vote as they do for models.
    """
    documents = list(_symbols(task.rows))
    vectors = TfidfVectorizer(analyzer=list_ngrams, max_features=FEATURES)
    vectors.fit([documents[place] for place in np.flatnonzero(train)])
    features, targets = vectors.transform(documents), task.targets(task.rows)
    dev = (task.rows["split"] == "dev").to_numpy()
    items = task.rows["item"].to_numpy()
    best, best_score = None, -np.inf
    for strength in STRENGTHS:
        logits = _fit_linear(task, features, targets, train, strength)
        score = score_items(items[dev], targets[dev], logits[dev], task.type, metric)
        if best is None or score > best_score:
            best, best_score = FittedBaseline(logits, strength), score
    assert best is not None
    return best


FITTERS: dict[str, Callable[[Task, NDArray[np.bool_], str], FittedBaseline]] = {
    "majority": fit_majority,
    "ngram": fit_ngrams,
}


def list_ngrams(sequences: tuple[NDArray[np.int32], ...]) -> list[bytes]:
    """Return every n-gram of a sequence or a pair: the sequence's number, then its symbols.

    Bytes take a third of the memory of tuples, and large tasks have millions of n-grams.
    """
    ngrams = []
    for number, ids in enumerate(sequences):
        mark, symbols, width = bytes([number]), ids.tobytes(), ids.itemsize
        for size in range(1, LONGEST + 1):
            starts = range(0, len(symbols) - (size - 1) * width, width)
            ngrams += [mark + symbols[start : start + size * width] for start in starts]
    return ngrams


def _symbols(rows: pd.DataFrame) -> Iterator[tuple[NDArray[np.int32], ...]]:
    columns = [rows[name] for name in ("ids", "ids2") if name in rows]
    yield from zip(*columns, strict=True)


def _fit_linear(
    task: Task, features: Any, targets: Floats, train: NDArray[np.bool_], strength: float
) -> Floats:
    """Return log-probabilities (rows, classes), or values (rows, 1).

    Every class has a training row; preparation and fractions ensure it.
    """
    if task.type == "regression":
        line = Ridge(alpha=1 / strength).fit(features[train], targets[train])
        values: Floats = line.predict(features)[:, None]
        return values
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(features[train], targets[train].astype(int))
    logits: Floats = model.predict_log_proba(features)
    return logits


def _tabulate(task: Task, logits: Floats, replicate: int) -> pd.DataFrame:
    """Return the predictions of dev and test, in the table format of fine-tuning."""
    named = task.rows.assign(logits=list(logits.astype(np.float32)), replicate=replicate)
    parts = [named[named["split"] == split] for split in ("dev", "test")]
    return pd.concat(parts)[prediction_schema(task.type).names]


def _describe(baseline: FittedBaseline) -> str:
    if baseline.strength is None:
        return "majority"
    return f"n-grams, C {baseline.strength:g} by dev score,"


def _provenance(job: BaselineJob, task: Task, baselines: list[FittedBaseline]) -> dict[str, Any]:
    """Return what evaluation and figures need, and the provenance of the results."""
    return {
        **task.metadata,
        **job.condition.columns,
        "metric": job.metric,
        "experiment_seed": job.seed,
        "baseline_code_version": BASELINES,
        "precision": "fp64",
        "device": "cpu",
        "machines": [{"device": "cpu", **describe_machine(["numpy", "scikit-learn"])}],
        "train_majority": task.majority(),
        "replicates": job.replicates,
        "crossed": dict(job.crossed),
        "diverged": {},
        "learning_rate": None,
        "rate_trials": [],
        "strengths": [baseline.strength for baseline in baselines],
    }
