"""The best rule on a single feature of a sequence: what a giveaway alone reaches.

A rule is a decision stump: one threshold on one feature, and one answer on either side (Iba and
Langley, Induction of one-level decision trees, ICML 1992).
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

Floats = NDArray[np.float64]
Symbols = Sequence[Any] | NDArray[Any]
# A class number, a value, or the numbers of labels.
Answer = float | tuple[int, ...]
SYMBOLS = 1000  # most symbols that a rule may be about, the commonest in training
LEAST = 1e-9  # share of rows that have, or lack, a label, where none or all do


@dataclass(frozen=True)
class Rule:
    """A rule and what it answers for every row."""

    condition: str
    """As in "first symbol is M"."""
    answers: tuple[Answer, Answer]
    """What it answers where the condition holds, and where it does not."""
    outputs: Floats
    """(rows, classes) probabilities, or (rows, 1) values."""

    def spell(self, labels: Sequence[str]) -> str:
        """Return the rule in words; `labels` are the classes in order, empty for regression."""
        then, otherwise = (_spell(answer, labels) for answer in self.answers)
        if then == otherwise:
            return f"always {then}"
        return f"{self.condition}: {then}; otherwise {otherwise}"


def _spell(answer: Answer, labels: Sequence[str]) -> str:
    if isinstance(answer, tuple):
        return " and ".join(labels[number] for number in answer) or "no label"
    return labels[int(answer)] if labels else f"{answer:.3g}"


def best_rule(
    rules: Sequence[Rule],
    targets: Floats,
    chosen_on: NDArray[np.bool_],
    score: Callable[[Floats, Floats], float],
) -> Rule:
    """Return the rule with the best score on the rows `chosen_on`; of equals, the first.

    Args:
        score: of targets and outputs, as of `fit_rules` and of a rule.
    """
    return max(rules, key=lambda rule: score(targets[chosen_on], rule.outputs[chosen_on]))


def fit_rules(
    sequences: Sequence[Symbols], targets: Floats, train: NDArray[np.bool_], classes: int
) -> list[Rule]:
    """Fit the best rule on each kind of feature: first and last symbol, length, frequencies.

    For classes there are two of each: one counts training rows alike, one counts classes alike,
    which metrics other than accuracy reward. For sets of labels, the second answers those that are
    more frequent than in all training rows.

    Args:
        sequences: (rows,) the symbols of each row, at least one.
        targets: (rows,) class numbers or values, or (rows, labels) of sets.
        train: (rows,) the rows to fit.
        classes: number of classes, 0 for regression.
    """
    rules: list[Rule] = []
    for features, names in _features(sequences, train):
        if targets.ndim == 2:
            rules += _rules_of_sets(features, names, targets, train)
            continue
        for weights in (None, "balanced") if classes else (None,):
            tree = (
                DecisionTreeClassifier(max_depth=1, class_weight=weights, random_state=0)
                if classes
                else DecisionTreeRegressor(max_depth=1, random_state=0)
            )
            with warnings.catch_warnings():
                # Class numbers are no values to regress on, however many classes there are.
                warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
                tree.fit(features[train], targets[train])
            rules.append(_describe(tree, features, names, classes))
    return rules


Named = Callable[[int, float], str]


def _rules_of_sets(
    features: csr_array, names: Named, targets: Floats, train: NDArray[np.bool_]
) -> Iterator[Rule]:
    """Yield the best rule for sets of labels, by rows alike and by labels alike.

    Squared error of 0 and 1 is Gini's impurity, summed over labels.
    """
    tree = DecisionTreeRegressor(max_depth=1, random_state=0).fit(features[train], targets[train])
    shares = np.clip(tree.predict(features), 0, 1)
    usual = np.clip(targets[train].mean(axis=0), LEAST, 1 - LEAST)
    above, below = tree.tree_.children_right[0], tree.tree_.children_left[0]
    leaves = np.clip(tree.tree_.value[[above, below], :, 0], 0, 1)

    def relative(values: Floats) -> Floats:
        """Return probabilities by odds relative to those of all training rows."""
        has, lacks = values * (1 - usual), (1 - values) * usual
        return has / (has + lacks)

    for weigh in (lambda values: values, relative):
        then, otherwise = (tuple(np.flatnonzero(leaf > 0.5).tolist()) for leaf in weigh(leaves))
        yield Rule(_condition(tree, names), (then, otherwise), weigh(shares))


def _features(
    sequences: Sequence[Symbols], train: NDArray[np.bool_]
) -> Iterator[tuple[csr_array, Named]]:
    """Yield matrices of features of one kind, and what a threshold on one of them says."""
    lengths = np.array([len(sequence) for sequence in sequences])
    codes, symbols = pd.factorize(np.concatenate([np.asarray(row) for row in sequences]), sort=True)
    ends = lengths.cumsum()
    in_train = np.bincount(codes[np.repeat(train, lengths)], minlength=len(symbols))
    kept = np.argsort(-in_train, kind="stable")[:SYMBOLS]
    places = np.full(len(symbols), -1)
    places[kept] = np.arange(len(kept))

    def is_symbol(position: str) -> Named:
        return lambda place, threshold: f"{position} symbol is {symbols[kept[place]]}"

    rows = np.arange(len(lengths))
    for position, where in (("first", ends - lengths), ("last", ends - 1)):
        yield _count(rows, places[codes[where]], len(lengths), len(kept)), is_symbol(position)
    yield csr_array(lengths[:, None].astype(float)), lambda _, cut: f"length above {cut:g}"
    counts = _count(np.repeat(rows, lengths), places[codes], len(lengths), len(kept))
    yield (
        counts.multiply(1 / lengths[:, None]).tocsr(),
        lambda place, cut: f"share of {symbols[kept[place]]} above {cut:.3g}",
    )


def _count(
    rows: NDArray[np.int64], columns: NDArray[np.int64], height: int, width: int
) -> csr_array:
    """Return how often each (row, column) occurs, without columns below zero."""
    known = columns >= 0
    places = rows[known].astype(np.int32), columns[known].astype(np.int32)  # as scikit-learn wants
    return csr_array((np.ones(known.sum()), places), shape=(height, width))


def _describe(
    tree: DecisionTreeClassifier | DecisionTreeRegressor,
    features: csr_array,
    names: Named,
    classes: int,
) -> Rule:
    """Return a fitted tree of one threshold, or of none where nothing tells, as a rule."""
    if classes:
        outputs = np.zeros((features.shape[0], classes))
        outputs[:, tree.classes_.astype(int)] = tree.predict_proba(features)
    else:
        outputs = tree.predict(features)[:, None]
    fitted = tree.tree_
    above, below = fitted.children_right[0], fitted.children_left[0]
    values = [fitted.value[leaf, 0] for leaf in (above, below)]  # leaf -1: the only one
    then, otherwise = (
        tree.classes_[value.argmax()] if classes else float(value[0]) for value in values
    )
    return Rule(_condition(tree, names), (then, otherwise), outputs)


def _condition(tree: DecisionTreeClassifier | DecisionTreeRegressor, names: Named) -> str:
    fitted = tree.tree_
    splits = fitted.node_count > 1
    return names(fitted.feature[0], fitted.threshold[0]) if splits else "any sequence"
