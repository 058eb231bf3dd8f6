"""Metrics of predicted classes, probabilities or values: pure functions on arrays."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymath.evaluation.arrays import Floats
from polymath.evaluation.label_sets import SETS, score_sets
from polymath.evaluation.ranking import RANKING, ROUNDING, rank_items
from polymath.experiment.datasets import DEFAULT_METRIC, DOMINANT
from polymath.util.errors import PolymathError

# SciPy takes half a second to import: only the metrics that need it import it.


def _accuracy(targets: Floats, classes: Floats) -> float:
    return float(np.mean(targets == classes))


def _count_classes(targets: Floats, classes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return how often each class that occurs is right, true and predicted."""
    occurring, numbers = np.unique(np.concatenate([targets, classes]), return_inverse=True)
    true, predicted = np.split(numbers, 2)
    hits, of_true, of_predicted = (
        np.bincount(chosen, minlength=len(occurring)).astype(float)
        for chosen in (true[true == predicted], true, predicted)
    )
    return hits, of_true, of_predicted


def _balanced_accuracy(targets: Floats, classes: Floats) -> float:
    """Mean over the true classes of the share of their items that is right."""
    hits, true, _ = _count_classes(targets, classes)
    occurs = true > 0
    return float(np.mean(hits[occurs] / true[occurs]))


def _macro_f1(targets: Floats, classes: Floats) -> float:
    """Mean of F1 over the classes that are true or predicted at least once."""
    hits, true, predicted = _count_classes(targets, classes)
    return float(np.mean(2 * hits / (true + predicted)))


def _f1(targets: Floats, classes: Floats) -> float:
    """Of the second of two classes, as GLUE scores MRPC and QQP; 0 if it never occurs."""
    true, predicted = targets == 1, classes == 1
    either = true.sum() + predicted.sum()
    return float(2 * (true & predicted).sum() / either) if either else 0.0


def _mcc(targets: Floats, classes: Floats) -> float:
    """Matthews correlation of any number of classes; 0 if one side is constant.

    Source: J. Gorodkin, Comparing two K-category assignments by a K-category correlation
    coefficient, Comput. Biol. Chem. 28, 2004.
    """
    hits, true, predicted = _count_classes(targets, classes)
    square = float(len(targets)) ** 2
    covariance = hits.sum() * len(targets) - true @ predicted
    variances = (square - predicted @ predicted) * (square - true @ true)
    return float(covariance / np.sqrt(variances)) if variances else 0.0


def is_constant(targets: Floats, values: Floats) -> bool:
    """Return whether a correlation is 0 because one side is constant, but for rounding.

    A model that answers the same value for every item gives values that differ by float32's
    rounding, relative to their size or to the spread of the targets: their ranks are noise.
    """
    spread = np.ptp(targets)
    return bool(spread == 0 or np.ptp(values) <= ROUNDING * max(spread, np.max(np.abs(values))))


def _spearman(targets: Floats, values: Floats) -> float:
    if is_constant(targets, values):
        return 0.0  # SciPy returns NaN for a constant
    from scipy import stats

    return float(stats.spearmanr(targets, values).statistic)


def _pearson(targets: Floats, values: Floats) -> float:
    if is_constant(targets, values):
        return 0.0  # SciPy returns NaN for a constant
    from scipy import stats

    return float(stats.pearsonr(targets, values).statistic)


def _rmse(targets: Floats, values: Floats) -> float:
    """Root mean square error, in the labels' unit."""
    return float(np.sqrt(np.mean((targets - values) ** 2)))


def _r2(targets: Floats, values: Floats) -> float:
    """Coefficient of determination; NaN for a constant target."""
    spread = np.sum((targets - targets.mean()) ** 2)
    return float(1 - np.sum((targets - values) ** 2) / spread) if spread else float("nan")


CLASSIFICATION: dict[str, Callable[[Floats, Floats], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "mcc": _mcc,
}
REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {
    "spearman": _spearman,
    "pearson": _pearson,
    "r2": _r2,
    "rmse": _rmse,
}
# Of predicted classes or values; those in RANKING are of probabilities.
METRICS = {**CLASSIFICATION, **REGRESSION}
WORST_AND_BEST = {
    "mcc": (-1.0, 1.0), "spearman": (-1.0, 1.0), "pearson": (-1.0, 1.0),
    "r2": (-math.inf, 1.0), "rmse": (0.0, math.inf),
}  # fmt: skip


def score(metric: str, targets: Floats, outputs: Floats, positive: int = 1) -> float:
    """Return a metric; NaN where it is undefined, as AUC without two classes.

    Args:
        targets: (items,) class numbers or values, or (items, labels) of sets of labels.
        outputs: (items, classes) probabilities, or (items, 1) values.
        positive: number of the class that F1, AUC and average precision are of, if two.
    """
    if targets.ndim == 2:
        return float(score_sets(metric, targets, outputs, np.ones((1, len(targets))))[0])
    if metric in RANKING:
        return float(rank_items(metric, targets, outputs, np.ones((1, len(targets))), positive)[0])
    return METRICS[metric](*orient(metric, targets, predict(outputs), positive))


def predict(outputs: Floats) -> Floats:
    """Return (items,) the most probable class, of equals the first; or the value."""
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs.argmax(axis=1).astype(float)


def orient(metric: str, targets: Floats, predicted: Floats, positive: int) -> tuple[Floats, Floats]:
    """Return targets and predictions as F1 takes them: 1 for the positive class."""
    if metric != "f1":
        return targets, predicted
    return (targets == positive).astype(float), (predicted == positive).astype(float)


def limits_of(metric: str) -> tuple[float, float]:
    """Return the lowest and highest value that a metric can have."""
    return WORST_AND_BEST.get(metric, (0.0, 1.0))


def metrics_for(task_type: str, classes: int) -> list[str]:
    """Return the names of the metrics that fit a task type; f1 is for two classes."""
    if task_type == "regression":
        return list(REGRESSION)
    if task_type == "multi-label":
        return [*SETS, *RANKING]
    names = [*CLASSIFICATION, *RANKING]
    return [name for name in names if name != "f1" or classes == 2]


def choose_headline(asked: str, class_sizes: NDArray[np.int64]) -> str:
    """Return a task's headline metric: by default accuracy, or macro F1 where a class dominates.

    Args:
        asked: the metric's name, or DEFAULT_METRIC.
        class_sizes: (classes,) training items; empty for regression.
    """
    if asked != DEFAULT_METRIC:
        return asked
    return "macro_f1" if class_sizes.max() > DOMINANT * class_sizes.sum() else "accuracy"


def choose_positive(named: bool, class_sizes: NDArray[np.int64]) -> int:
    """Return the number of the class that F1, AUC and average precision are of, if there are two.

    Args:
        named: the user names it, and it is the last; otherwise it is the rarer one.
        class_sizes: (classes,) training items.
    """
    return 1 if named or len(class_sizes) != 2 else 1 - int(class_sizes.argmax())


def headline_by_sizes(
    asked: str, named: bool, class_sizes: NDArray[np.int64]
) -> tuple[str, Callable[[Floats, Floats], float]]:
    """Return a task's headline metric, as name and function; see the two functions above."""
    metric = choose_headline(asked, class_sizes)
    return metric, partial(score, metric, positive=choose_positive(named, class_sizes))


def require_fit(task: str, metric: str, classes: int) -> None:
    """Raise PolymathError if a task has more classes than its metric is for."""
    if metric == "f1" and classes != 2:
        raise PolymathError(
            f"{task}: metric f1 is for two classes, the task has {classes}: use macro_f1"
        )


def require_defined(task: str, metric: str, split: str, targets: Floats) -> None:
    """Raise PolymathError if a split's targets are all equal and leave its metric undefined."""
    if (metric in RANKING or metric == "r2") and not np.ptp(targets, axis=0).any():
        kind = "value" if metric == "r2" else "class"
        instead = "spearman" if metric == "r2" else "accuracy"
        raise PolymathError(
            f"{task}: {split} has a single {kind}, of which metric {metric} is undefined: split "
            f"the data otherwise, or use {instead}"
        )


def chance_score(
    majority: int | list[int],
    targets: Floats,
    task_type: str,
    metric: str,
    classes: int,
    positive: int = 1,
) -> float:
    """Return the score of always predicting the most common training class, or a constant.

    Of values, the constant is the mean of the targets, which is the best one. Of sets of labels,
    `majority` is the numbers of the labels that are predicted.
    """
    if task_type == "regression":
        return score(metric, targets, np.full((len(targets), 1), targets.mean()))
    constant = np.isin(np.arange(classes), majority).astype(float)
    return score(metric, targets, np.tile(constant, (len(targets), 1)), positive)
