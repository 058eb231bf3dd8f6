"""What makes a task easier than it looks: near neighbours in training, and rules on one feature.

Source of the term: R. Geirhos et al., Shortcut learning in deep neural networks, Nature Machine
Intelligence 2, 2020.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.data.alphabets import contents_of, split_symbols
from polymath.data.label_sets import explode_labels
from polymath.data.similarity import count_near_neighbours
from polymath.data.stump import best_rule, fit_rules
from polymath.experiment.datasets import Alphabet, SimilarityGroups
from polymath.experiment.stage_versions import SHORTCUTS
from polymath.util.label_sets import targets_of
from polymath.util.seeds import derive_seed
from polymath.util.storage import read_with_metadata, with_made_from, write_sealed_json

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats], float]
# Chooses a task's headline metric by the training rows of each class: its name, and the metric of
# targets (rows,) and outputs (rows, classes) or (rows, 1).
Headline = Callable[[NDArray[np.int64]], tuple[str, Score]]


def find_shortcuts(
    records: Path,
    alphabet: Alphabet,
    policy: SimilarityGroups,
    headline: Headline,
    out: Path,
) -> dict[str, Any]:
    """Write, and return, the near neighbours of test records and the best rule on one feature.

    Args:
        policy: from when on two sequences are near neighbours.
    """
    table, metadata = read_with_metadata(records)
    labels = metadata["labels"]
    separator = metadata.get("label_separator")
    metric, score = headline(class_sizes(table, labels, separator))
    contents = contents_of(table)
    shortcuts = {
        "task": metadata["task"],
        "metric": metric,
        "near_neighbours": count_near_neighbours(
            contents[table["split"] == "test"],
            contents[table["split"] == "train"],
            alphabet,
            policy,
            derive_seed(metadata["seed"], "neighbours"),
        ),
        "rule": score_rule(
            table, [split_symbols(content, alphabet) for content in contents],
            labels, score, separator,
        ),
        "code_version": SHORTCUTS,
    }  # fmt: skip
    write_sealed_json(with_made_from(shortcuts), out)
    return shortcuts


def class_sizes(
    table: pd.DataFrame, labels: list[str], separator: str | None = None
) -> NDArray[np.int64]:
    """Return (classes,) training rows of each class; empty for regression."""
    train = explode_labels(table.loc[table["split"] == "train", "label"], separator)
    counts = train.value_counts() if labels else pd.Series(dtype=np.int64)
    return counts.reindex(labels, fill_value=0).to_numpy()


def score_rule(
    table: pd.DataFrame,
    symbols: list[list[str]],
    labels: list[str],
    score: Score,
    separator: str | None = None,
) -> dict[str, Any]:
    """Return the rule that is best on train, its score on test, and that of a constant answer.

    Of sets of labels, the constant is the labels that more than half of the training rows have.

    Args:
        table: records.
        symbols: those of each record.
        labels: the classes in order, empty for regression.
        separator: between the labels of a set; None where each row has one class.
    """
    targets = targets_of(table["label"], labels, separator)
    train, test = ((table["split"] == split).to_numpy() for split in ("train", "test"))
    rule = best_rule(fit_rules(symbols, targets, train, len(labels)), targets, train, score)
    if separator is not None:
        constant = targets[train].mean(axis=0)
    elif labels:
        constant = np.eye(len(labels))[np.bincount(targets[train].astype(int)).argmax()]
    else:
        constant = np.array([targets[train].mean()])
    return {
        "rule": rule.spell(labels),
        "test": score(targets[test], rule.outputs[test]),
        "majority": score(targets[test], np.tile(constant, (test.sum(), 1))),
    }
