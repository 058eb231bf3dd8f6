"""Small tables that figures are drawn from, and the words that a figure shows."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from polymath.analysis.representations.layers import matching_layers
from polymath.experiment.conditions import NONE, Condition
from polymath.reporting.figures.layers import MEASURES
from polymath.reporting.figures.probes import NAMES as PROBES
from polymath.reporting.published import published_table
from polymath.util.seeds import VARIED
from support.evidence import matrix_of
from support.tables import typed

Rows = Iterator[dict[str, Any]]
Tables = dict[str, Any]
TASKS = {"splice": "accuracy", "stability": "spearman"}
CONDITION: dict[str, Any] = {
    "task": "splice", "model": "small", "init": "pretrained", "mapping": "random",
    "fraction": "1", "recipe": "default", "domain": "dna", "metric": "accuracy",
}  # fmt: skip


PUBLISHED = published_table(
    [
        {"task": "splice", "metric": metric, "differs": "another split", "model": "BERT",
         "start": start, "score": score, "source": "a slide", "citation": "A. Author",
         "remark": "No metric is named."}
        for metric, start, score in (("accuracy", "pretrained", 0.975), ("mcc", "scratch", 0.9))
    ]
)  # fmt: skip


VALUES = pd.DataFrame({"task": "stability", "metric": "spearman", "arm": "pretrained",
                       "item": ["a", "b", "c"], "true": [0.1, 0.5, 0.9],
                       "predicted": [0.2, 0.4, 0.8]})  # fmt: skip


def words_of(figure: Figure) -> set[str]:
    """Return every text of a figure."""
    ticks = [
        *(label for axes in figure.axes for label in axes.get_xticklabels()),
        *(label for axes in figure.axes for label in axes.get_yticklabels()),
    ]
    return {text.get_text() for text in (*figure.findobj(Text), *ticks)}


def small_tables() -> Tables:
    """Return every table that some figure is drawn from."""
    similarity, heads = layers()
    scores = scores_of(conditions("1"))
    return {
        "matrix": matrix_of(scores),
        "scores": scores,
        "published": PUBLISHED,
        "curves": curves_of(conditions("1")),
        "values": VALUES,
        **{name: typed(rows(), name) for name, rows in ROWS.items()},
        "card": card_of(3),
        "shortcuts": SHORTCUTS,
        "similarity": similarity,
        "heads": heads,
    }


def conditions(*fractions: str) -> list[Condition]:
    """Two tasks, one of them a regression, both initialisations."""
    return [
        Condition(task, "minilm-l6", init, "random", fraction, "default")
        for task, fraction, init in product(TASKS, fractions, ("pretrained", "scratch"))
    ]


def baselines(*fractions: str) -> list[Condition]:
    """Both baselines of two tasks."""
    return [
        Condition(task, name, NONE, NONE, fraction, NONE)
        for task, name, fraction in product(TASKS, ("majority", "ngram"), fractions)
    ]


def level(condition: Condition) -> float:
    """A score that tells conditions apart."""
    return 0.6 + 0.25 * (condition.init == "pretrained") - 0.2 * (condition.fraction == "0.1")


def scores_of(asked: list[Condition], replicates: int = 3) -> pd.DataFrame:
    """Return the scores of conditions as evaluation writes them."""
    rows = []
    for condition in asked:
        metric = TASKS[condition.task]
        noise = np.random.default_rng(len(condition.path)).normal(0, 0.02, replicates)
        rows += [
            {**condition.columns, "domain": "dna", "replicate": replicate, "split": split,
             "metric": metric, "headline": True, "positive": "", "answers": 2, "items": 100,
             "value": level(condition) + gap,
             "chance": 0.52 if metric == "accuracy" else 0.0, "diverged_at": None,
             "learning_rate": 1e-4, **{f"{stream}_seed": replicate for stream in VARIED}}
            for replicate, gap in enumerate(noise)
            for split in ("dev", "test")
        ]  # fmt: skip
    return pd.DataFrame(rows)


def curves_of(
    asked: list[Condition], replicates: int = 3, diverged: tuple[int, ...] = ()
) -> pd.DataFrame:
    """Return the learning curves of conditions: eight points per replicate."""
    steps = np.arange(1, 9) * 30
    return pd.DataFrame(
        {"replicate": replicate, "step": step, "examples": step * 16, "train_loss": 1 / step,
         "dev_score": level(condition) * (1 - np.exp(-step / 60)), "seconds": 1.0,
         **condition.columns, "metric": TASKS[condition.task], "diverged": replicate in diverged}
        for condition in asked
        for replicate in range(replicates)
        for step in steps
    )  # fmt: skip


# As they are found in the records of `card_of`.
SHORTCUTS: dict[str, Any] = {
    "metric": "macro_f1",
    "near_neighbours": {"measure": "identity", "threshold": 0.8, "near": 21, "test_rows": 134,
                        "compared_test_rows": 134, "compared_symbols": None},
    "rule": {"rule": "first symbol is 60: bach; otherwise mozart", "test": 0.6, "majority": 0.25},
}  # fmt: skip


def card_of(classes: int, **changes: Any) -> dict[str, Any]:
    """Return a data card as preparation writes it; a regression has no classes."""
    generator = np.random.default_rng(classes)
    counts, edges = np.histogram(generator.gamma(2, 60, 900), bins=30)
    names = [f"composer number {number}" for number in range(classes)]
    card: dict[str, Any] = {
        "task": "composer",
        "title": "Composer of a score",
        "rows": 1234,
        "splits": {"train": 1000, "dev": 100, "test": 134},
        "length": {"unit": "symbols",
                   "histogram": {"counts": counts.tolist(), "edges": edges.tolist()}},
        "duplicates": {"surplus_rows_kept": 7},
        "rejected": [{"reason": "empty sequence", "count": 5}, {"reason": "other", "count": 1500}],
    }  # fmt: skip
    if classes:
        card["labels_by_split"] = {
            name: {"train": 300 - 7 * place, "dev": 30, "test": 60}
            for place, name in enumerate(names)
        }
    return card | changes


def comparisons() -> Rows:
    """Two arms against random weights on two tasks, and one against an in-domain model."""
    for task in TASKS:
        for init in ("pretrained", "re-emb"):
            yield {**CONDITION, "task": task, "init": init, "against": "scratch",
                   "reference_model": "small", "n": 3, "difference": 0.1, "low": -0.1, "high": 0.3,
                   "items_low": 0.05, "items_high": 0.15,
                   "differences": [0.0, 0.1, 0.2]}  # fmt: skip
    yield {**CONDITION, "against": "in-domain", "reference_model": "esm", "n": 1,
           "difference": -0.02, "items_low": -0.05, "items_high": 0.0,
           "differences": [-0.02]}  # fmt: skip


def convergence() -> Rows:
    """Two arms that reach their target, one without an interval, and one that never learned."""
    for task, low in (("splice", 1.1), ("stability", None)):
        yield {**CONDITION, "task": task, "against": "scratch", "n": 2, "reached": 2,
               "reference_reached": 0, "speed_up": 1.5, "speed_up_low": low, "speed_up_high": 2.0,
               "lead": 0.3, "low": -1.5, "high": 2.1, "differences": [0.2, 0.4]}  # fmt: skip
    yield {**CONDITION, "task": "flat", "against": "scratch", "n": 2, "differences": None}


def estimates() -> Rows:
    """Two fractions of two arms and a baseline."""
    for fraction in ("0.1", "1"):
        for init in ("pretrained", "scratch"):
            yield {**CONDITION, "init": init, "fraction": fraction, "n": 3, "mean": 0.8,
                   "low": 0.7, "high": 0.9}  # fmt: skip
        yield {**CONDITION, "model": "ngram", "init": NONE, "fraction": fraction, "mean": 0.7}


def effective_data() -> Rows:
    """Two arms on two fractions: measured, bounded either way, and not above chance."""
    for init, fraction, multiplier, bound, ends in (
        ("pretrained", "0.1", 4.0, "", (2.0, math.inf)),
        ("pretrained", "1", 1.0, "at least", (0.8, math.inf)),
        ("re-emb", "0.1", 1.0, "at most", (0.0, 1.5)),
        ("re-emb", "1", None, "none", (None, None)),
    ):
        yield {**CONDITION, "init": init, "fraction": fraction, "against": "scratch",
               "reference_model": "small", "reference_init": "scratch", "n": 3, "mean": 0.8,
               "reference_mean": 0.7, "multiplier": multiplier, "bound": bound,
               "multiplier_low": ends[0], "multiplier_high": ends[1],
               "lowest": 0.1 / float(fraction), "highest": 1 / float(fraction)}  # fmt: skip


def rates() -> Rows:
    """Two learning rates of two arms."""
    for init in ("pretrained", "scratch"):
        for rate in (1e-4, 3e-4):
            yield {**CONDITION, "init": init, "learning_rate": rate, "n": 2, "mean": 0.8,
                   "low": 0.7, "high": 0.9, "chosen": rate == 1e-4,
                   "at_edge": rate == 1e-4}  # fmt: skip


def variance() -> Rows:
    """Three components of two arms."""
    for init, stream in product(("pretrained", "scratch"), ("init", "mapping", "residual")):
        yield {**CONDITION, "init": init, "stream": stream, "deviation": 0.02}


def probes() -> Rows:
    """Two replicates of every probe of two arms."""
    for init, probe, replicate in product(("pretrained", "scratch"), PROBES, range(2)):
        yield {**CONDITION, "init": init, "probe": probe, "replicate": replicate, "value": 0.5}


def layers(*states: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the similarity of four pairs of models in every measure, and their heads' distances.

    Args:
        states: of the models, `initial` if none is named.
    """
    models = {
        "text-domain": ("mini", "pretrained", 0, "anti", "pretrained", 0),
        "scratch-domain": ("mini", "scratch", 0, "anti", "pretrained", 0),
        "text-scratch": ("mini", "pretrained", 0, "mini", "scratch", 0),
        "scratch-scratch": ("mini", "scratch", 0, "mini", "scratch", 1),
    }
    keys = ("model_a", "init_a", "replicate_a", "model_b", "init_b", "replicate_b")
    rows, heads = [], []
    for state, (pair, sides) in product(states or ("initial",), models.items()):
        same = {"task": "amp", "mapping": "random", "pair": pair, "state": state,
                **dict(zip(keys, sides, strict=True)), "tokens": 20000}  # fmt: skip
        deep = 5 if sides[3] == "anti" else 4
        matched = matching_layers(4, deep)
        for i, j, measure in product(range(4), range(deep), MEASURES):
            value = 0.9 * np.exp(-abs(i / 3 - j / (deep - 1))) * (0.5 if "scratch" in pair else 1)
            interval = {"low": value - 0.05, "high": value + 0.05, "null_high": 0.1, "p": 0.05}
            rows.append({**same, "layer_a": i, "layer_b": j, "measure": measure, "value": value,
                         "matched": (i, j) in matched, "centring": "position",
                         **(interval if (i, j) in matched else {})})  # fmt: skip
        rows += [
            {**same, "layer_a": i, "layer_b": j, "measure": measure, "value": 0.99,
             "matched": True, "centring": centring}
            for (i, j), measure, centring in product(matched, MEASURES, ("raw", "token"))
        ]  # fmt: skip
        heads += [
            {**same, "layer_a": i, "layer_b": i, "head_a": head, "head_b": head,
             "distance": 0.2 + 0.1 * head}
            for i, head in product(range(1, 4), range(2))
        ]  # fmt: skip
    return typed(rows, "similarity"), typed(heads, "heads")


# What makes the rows of each table that needs no other.
ROWS = {"comparisons": comparisons, "convergence": convergence, "estimates": estimates,
        "effective_data": effective_data, "rates": rates, "variance": variance,
        "probes": probes}  # fmt: skip
