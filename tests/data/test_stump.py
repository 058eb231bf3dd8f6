"""The best rule on one feature, where the giveaway is known and against a search written out."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymath.data.stump import best_rule, fit_rules
from polymath.evaluation.metrics import score

ALL = np.ones(60, dtype=bool)
LABELS = ("no", "yes")


def sequences(seed: int = 0) -> list[list[str]]:
    generator = np.random.default_rng(seed)
    return [list(generator.choice(list("ACGT"), size)) for size in generator.integers(4, 12, 60)]


def find_rule(rows: list[list[str]], targets: np.ndarray, metric: str = "accuracy") -> str:
    rule = best_rule(fit_rules(rows, targets, ALL, 2), targets, ALL, partial(score, metric))
    assert score(metric, targets, rule.outputs) == 1
    return rule.spell(LABELS)


@pytest.mark.parametrize(("place", "name"), [(0, "first"), (-1, "last")])
def test_a_giveaway_at_an_end_is_named(place: int, name: str) -> None:
    rows = sequences()
    targets = np.array([float(row[place] == "G") for row in rows])
    assert find_rule(rows, targets) == f"{name} symbol is G: yes; otherwise no"


def test_a_giveaway_of_length_is_named() -> None:
    rows = sequences()
    targets = np.array([float(len(row) < 8) for row in rows])
    assert find_rule(rows, targets) == "length above 7.5: no; otherwise yes"


def test_a_giveaway_of_composition_is_named() -> None:
    rows = [[*row, *("TT" if number % 2 else "")] for number, row in enumerate(sequences())]
    share = np.array([row.count("T") / len(row) for row in rows])
    assert find_rule(rows, (share > 0.3).astype(float)).startswith("share of T above 0.")


def test_numbers_are_predicted_by_the_means_of_two_sides() -> None:
    rows = sequences()
    targets = np.array([2.5 * (row[0] == "A") + 1 for row in rows])
    rule = best_rule(fit_rules(rows, targets, ALL, 0), targets, ALL, partial(score, "spearman"))
    assert rule.spell([]) == "first symbol is A: 3.5; otherwise 1"
    assert np.allclose(rule.outputs[:, 0], targets)


def test_where_nothing_tells_the_rule_is_a_constant() -> None:
    rows = [["A", "C"]] * 60
    targets = np.repeat([1.0, 0.0], [40, 20])
    rule = best_rule(fit_rules(rows, targets, ALL, 2), targets, ALL, partial(score, "accuracy"))
    assert rule.spell(LABELS) == "always yes"


def test_only_training_rows_choose() -> None:
    rows = sequences()
    train = np.arange(60) < 40
    targets = np.array([float(row[0] == "G") for row in rows])
    shuffled = np.where(train, targets, 1 - targets)
    for truth in (targets, shuffled):
        rule = best_rule(fit_rules(rows, truth, train, 2), truth, train, partial(score, "accuracy"))
        assert rule.spell(LABELS) == "first symbol is G: yes; otherwise no"


def gini_gain(target: np.ndarray, holds: np.ndarray) -> float:
    def impurity(part: np.ndarray) -> float:
        share = part.mean()
        return len(part) * 2 * share * (1 - share)

    return float(impurity(target) - impurity(target[holds]) - impurity(target[~holds]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_no_other_threshold_tells_more(seed: int) -> None:
    rows = sequences(seed)
    targets = np.random.default_rng(seed).integers(0, 2, 60).astype(float)
    columns = [
        np.array([[row[0] == symbol for row in rows] for symbol in "ACGT"], dtype=float),
        np.array([[row[-1] == symbol for row in rows] for symbol in "ACGT"], dtype=float),
        np.array([[len(row) for row in rows]], dtype=float),
        np.array([[row.count(symbol) / len(row) for row in rows] for symbol in "ACGT"]),
    ]
    for features, rule in zip(columns, fit_rules(rows, targets, ALL, 2)[::2], strict=True):
        cuts = [(feature, cut) for feature in features for cut in np.unique(feature)[:-1]]
        best = max(gini_gain(targets, feature > cut) for feature, cut in cuts)
        holds = rule.outputs[:, 1] == rule.outputs[0, 1]
        assert gini_gain(targets, holds) == pytest.approx(best)
