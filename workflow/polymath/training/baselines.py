"""Baselines in the same tables as trained models: constants, a rule, n-grams and boosted trees."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

from polymath.data.stump import fit_rules
from polymath.evaluation.predictions import score_items
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.stage_versions import BASELINES
from polymath.tokenization.task_data import Task, read_task, train_mask
from polymath.training.headline import check_headline, positive_number
from polymath.training.job import BaselineJob
from polymath.util.machine import describe_machine
from polymath.util.seeds import derive_seed, seed_levels
from polymath.util.storage import write_table

Floats = NDArray[np.float64]
# Scores logits (rows, outputs) of items (rows,) by their targets (rows,).
Score = Callable[[NDArray[np.str_], Floats, Floats], float]

LONGEST = (1, 2, 3, 5)  # symbols in an n-gram, chosen on dev
FEATURES = 2**18  # most n-grams, the commonest
STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # inverse regularisation, chosen on dev
STRENGTH = 10.0  # at which the length is chosen
TREES = (10, 25, 50, 100, 200, 400)  # number of trees (per class), chosen on dev
SYMBOLS = 256  # most symbols whose shares trees look at, the commonest
LEAST = 1e-9  # probability, so that its logarithm is a number


@dataclass(frozen=True)
class FittedBaseline:
    """A fitted baseline's predictions for every row.

    Attributes:
        logits: (rows, outputs) log-probabilities of the classes, log-odds of labels, or the value.
        chosen: what was chosen by its score, as {"C": 10}.
    """

    logits: Floats
    chosen: Mapping[str, Any]


def run_baseline(
    job: BaselineJob, predictions: Path, curves: Path, log: Callable[[str], None]
) -> None:
    """Write a baseline's predictions, and learning curves without a point, as fine-tuning does.

    A baseline depends on the data alone, so it is fitted once per distinct training subset, and
    replicates that share the subset share its predictions.
    """
    task = read_task(job.tokens)
    job = replace(job, metric=check_headline(job, task))
    score = partial(
        score_items,
        task_type=task.type,
        metric=job.metric,
        positive=positive_number(job, task),
    )
    fitted: dict[bytes, FittedBaseline] = {}
    baselines = []
    for replicate in range(job.replicates):
        level = seed_levels(replicate, job.crossed)["subset"]
        subset_seed = derive_seed(job.seed, "subset", level)
        train = train_mask(task, float(job.condition.fraction), subset_seed).to_numpy()
        key = train.tobytes()
        if key not in fitted:
            fitted[key] = FITTERS[job.condition.model](task, train, score)
            name = _describe(job.condition.model, fitted[key])
            log(f"{name} fitted to {train.sum()} training rows")
        baselines.append(fitted[key])
    metadata = _provenance(job, task, baselines)
    tables = [_tabulate(task, baseline.logits, number) for number, baseline in enumerate(baselines)]
    schema = prediction_schema(task.type)
    write_table(pd.DataFrame(columns=CURVE_SCHEMA.names), curves, CURVE_SCHEMA, metadata)
    write_table(pd.concat(tables), predictions, schema, metadata)


def fit_majority(task: Task, train: NDArray[np.bool_], score: Score) -> FittedBaseline:
    """Predict the training items' share of each class or label, or their mean value."""
    items = task.rows[train].drop_duplicates("item")
    targets = task.targets(items)
    if task.type == "regression":
        outputs = np.array([targets.mean()])
    elif task.type == "multi-label":
        outputs = _to_logits(task, targets.mean(axis=0))
    else:
        outputs = np.log(np.bincount(targets.astype(int)) / len(targets))
    return FittedBaseline(np.tile(outputs, (len(task.rows), 1)), {})


def fit_stump(task: Task, train: NDArray[np.bool_], score: Score) -> FittedBaseline:
    """Fit the best rule on one feature of a row: first or last symbol, length, a symbol's share.

    The rule is the best on the training items by `score`; see `polymath.data.stump`.
    """
    targets, items = task.targets(task.rows), task.rows["item"].to_numpy()
    symbols = [np.concatenate(row) for row in _symbols(task.rows)]
    rules = fit_rules(symbols, targets, train, task.outputs if task.metadata["labels"] else 0)
    scores = [
        score(items[train], targets[train], _to_logits(task, rule.outputs)[train]) for rule in rules
    ]
    rule = rules[int(np.argmax(scores))]
    return FittedBaseline(
        _to_logits(task, rule.outputs), {"rule": rule.spell(task.metadata["labels"])}
    )


def fit_ngrams(task: Task, train: NDArray[np.bool_], score: Score) -> FittedBaseline:
    """Fit a linear model of n-grams of symbols, weighted by TF-IDF.

    Logistic regression for classes, one per label for sets, ridge regression for values. The
    longest n-gram, and then the regularisation, are the best on the development set by `score`
    (ties go to the shortest and the strongest). Windows of an item are rows, and vote as they do
    for models.
    """
    documents = list(_symbols(task.rows))
    targets = task.targets(task.rows)
    features = {}
    for longest in LONGEST:
        analyzer = partial(list_ngrams, longest=longest)
        vectors = TfidfVectorizer(analyzer=analyzer, max_features=FEATURES)
        vectors.fit([documents[place] for place in np.flatnonzero(train)])
        features[longest] = vectors.transform(documents)

    def fit(longest: int, strength: float) -> FittedBaseline:
        logits = _fit_linear(task, features[longest], targets, train, strength)
        return FittedBaseline(logits, {"n": longest, "C": strength})

    by_length = [fit(longest, STRENGTH) for longest in LONGEST]
    best = _best_on_dev(task, by_length, score)
    longest = best.chosen["n"]
    by_strength = [best if c == STRENGTH else fit(longest, c) for c in STRENGTHS]
    return _best_on_dev(task, by_strength, score)


def fit_trees(task: Task, train: NDArray[np.bool_], score: Score) -> FittedBaseline:
    """Fit gradient-boosted trees on the share of each symbol and the length.

    How many trees is the best on the development set by `score` (ties go to the fewest). Of a
    pair, both sequences have these features. Sets of labels have trees of their own per label.

    Source: scikit-learn's histogram-based trees, after G. Ke et al., LightGBM: a highly efficient
    gradient boosting decision tree, NeurIPS 2017.
    """
    targets = task.targets(task.rows)
    features = _composition(task, train)
    with threadpool_limits(1):
        if targets.ndim == 2:
            by_label = [
                [outputs[:, -1] for outputs in _boost(features, of_label, train, is_class=True)]
                for of_label in targets.T
            ]
            staged = [np.stack(stage, axis=1) for stage in zip(*by_label, strict=True)]
        else:
            staged = _boost(features, targets, train, is_class=task.type != "regression")
    fitted = [
        FittedBaseline(_to_logits(task, outputs), {"trees": trees})
        for trees, outputs in zip(TREES, staged, strict=True)
    ]
    return _best_on_dev(task, fitted, score)


def _boost(
    features: NDArray[np.float32], targets: Floats, train: NDArray[np.bool_], is_class: bool
) -> list[Floats]:
    """Return (rows, outputs) probabilities or values for each number of trees in TREES.

    A label that all or none of the training rows have is predicted as such.
    """
    if is_class and np.ptp(targets[train]) == 0:
        return [np.full((len(features), 1), targets[train][0])] * len(TREES)
    kind = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    # Nothing is drawn at random but, of 200,000 rows and more, those that place the bins.
    model = kind(max_iter=max(TREES), early_stopping=False, random_state=0)
    model.fit(features[train], targets[train])
    staged = model.staged_predict_proba(features) if is_class else model.staged_predict(features)
    return [
        outputs.reshape(len(features), -1)
        for trees, outputs in enumerate(staged, start=1)
        if trees in TREES
    ]


def _best_on_dev(task: Task, fitted: list[FittedBaseline], score: Score) -> FittedBaseline:
    """Return the baseline with the best score on the development set, of equals the first."""
    dev = (task.rows["split"] == "dev").to_numpy()
    items, targets = task.rows["item"].to_numpy()[dev], task.targets(task.rows)[dev]
    scores = [score(items, targets, baseline.logits[dev]) for baseline in fitted]
    return fitted[int(np.argmax(scores))]


def _to_logits(task: Task, outputs: Floats) -> Floats:
    """Return log-probabilities of probabilities (rows, classes), log-odds of those of labels, or
    values as they are.
    """
    if task.type == "multi-label":
        likely = np.clip(outputs, LEAST, 1 - LEAST)
        return np.log(likely / (1 - likely))
    return outputs if task.type == "regression" else np.log(np.maximum(outputs, LEAST))


def _composition(task: Task, train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (rows, features): lengths, and the shares of the symbols that are commonest in train.

    A pair has these of both sequences.
    """
    features = []
    for column in zip(*_symbols(task.rows), strict=True):
        lengths = np.array([len(ids) for ids in column])
        rows = np.repeat(np.arange(len(column)), lengths)
        symbols, codes = np.unique(np.concatenate(column), return_inverse=True)
        counts = np.bincount(codes[train[rows]], minlength=len(symbols))
        kept = np.argsort(-counts, kind="stable")[:SYMBOLS]
        features.append(lengths[:, None])
        for code in kept:
            of_row = np.bincount(rows[codes == code], minlength=len(column))
            features.append((of_row / lengths)[:, None])
    return np.hstack(features).astype(np.float32)


FITTERS: dict[str, Callable[[Task, NDArray[np.bool_], Score], FittedBaseline]] = {
    "majority": fit_majority,
    "stump": fit_stump,
    "ngram": fit_ngrams,
    "trees": fit_trees,
}


def list_ngrams(sequences: tuple[NDArray[np.int32], ...], longest: int) -> list[bytes]:
    """Return every n-gram of a sequence or a pair: the sequence's number, then its symbols.

    Bytes take a third of the memory of tuples, and large tasks have millions of n-grams.
    """
    ngrams = []
    for number, ids in enumerate(sequences):
        mark, symbols, width = bytes([number]), ids.tobytes(), ids.itemsize
        for size in range(1, longest + 1):
            starts = range(0, len(symbols) - (size - 1) * width, width)
            ngrams += [mark + symbols[start : start + size * width] for start in starts]
    return ngrams


def _symbols(rows: pd.DataFrame) -> Iterator[tuple[NDArray[np.int32], ...]]:
    columns = [rows[name] for name in ("ids", "ids2") if name in rows]
    yield from zip(*columns, strict=True)


def _fit_linear(
    task: Task, features: Any, targets: Floats, train: NDArray[np.bool_], strength: float
) -> Floats:
    """Return log-probabilities (rows, classes), log-odds (rows, labels), or values (rows, 1).

    Every class has a training row; preparation and fractions ensure it.
    """
    if task.type == "regression":
        line = Ridge(alpha=1 / strength).fit(features[train], targets[train])
        values: Floats = line.predict(features)[:, None]
        return values
    model = LogisticRegression(C=strength, max_iter=1000)
    if targets.ndim == 2:
        with warnings.catch_warnings():  # of labels that no or every row of a small subset has
            warnings.filterwarnings("ignore", "Label .* is present in all")
            each = OneVsRestClassifier(model).fit(features[train], targets[train])
        return _to_logits(task, each.predict_proba(features))
    model.fit(features[train], targets[train].astype(int))
    logits: Floats = model.predict_log_proba(features)
    return logits


def _tabulate(task: Task, logits: Floats, replicate: int) -> pd.DataFrame:
    """Return the predictions of dev and test, in the table format of fine-tuning."""
    named = task.rows.assign(logits=list(logits.astype(np.float32)), replicate=replicate)
    parts = [named[named["split"] == split] for split in ("dev", "test")]
    return pd.concat(parts)[prediction_schema(task.type).names]


def _describe(name: str, baseline: FittedBaseline) -> str:
    chosen = ", ".join(f"{key} {value}" for key, value in baseline.chosen.items())
    return f"{name} ({chosen})" if chosen else name


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
        "chosen": [dict(baseline.chosen) for baseline in baselines],
    }
