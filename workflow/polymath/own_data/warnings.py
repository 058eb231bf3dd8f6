"""Where an experiment cannot answer: too few rows, replicates or passes, and data that leaks."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from polymath.evaluation.claims import LEAST_PAIRS
from polymath.experiment.config import Experiment
from polymath.experiment.reading_limit import describe_share
from polymath.experiment.recipes import Schedule

if TYPE_CHECKING:
    from polymath.own_data.check import TaskCheck

FEWEST_TEST = 100  # test items below which differences of ten points are within chance
LARGE_SHARE = 0.25  # of the rows for test, where they are few
FEWEST_OF_CLASS = 5  # test items of a class
COMMON = 0.8  # share of a class from which accuracy says little
NEAR = 0.2  # share of test records with a near neighbour from which scores are those of a lookup
TRUNCATED = 0.1  # share of rows
UNSEEN = 0.1  # share of the symbols of test rows that no training row has


def warn_of_design(experiment: Experiment) -> Iterator[str]:
    """Yield why an experiment's design may not decide."""
    if experiment.runs < LEAST_PAIRS:
        plural = "" if experiment.runs == 1 else "s"
        yield (
            f"{experiment.runs} replicate{plural} cannot decide a task of its own: set "
            f"'replicates: {LEAST_PAIRS}' or more"
        )
    if not {"pretrained", "scratch"} <= set(experiment.initialisations):
        yield "'initialisations' lacks pretrained or scratch, which are compared: add both"
    if not experiment.baselines:
        yield "no baseline: what n-grams alone would reach stays unknown: set 'baselines: [ngram]'"
    for name, recipe in experiment.recipes.items():
        if len(recipe.rates) == 1:
            yield (
                f"recipe '{name}' has one learning rate for both arms, which may favour one: list "
                "several, as 'learning_rate: [3.0e-5, 1.0e-4, 3.0e-4]'"
            )


def warn_of_data(checked: "TaskCheck", experiment: Experiment) -> Iterator[str]:
    """Yield why a task's data may not answer."""
    card, task = checked.card, checked.task
    test, rows = card["splits"]["test"], card["splits"]["train"]
    if test < FEWEST_TEST:
        yield f"{task}: {test} test rows: {_precision(checked, test)}: {_more_rows(checked)}"
    yield from _warn_of_classes(checked)
    for name, recipe in experiment.recipes.items():
        passes = Schedule(recipe, rows).steps * recipe.batch_size / rows
        if passes < 1:
            yield (
                f"{task}: recipe '{name}' reads {passes:.0%} of the training rows once: set more "
                "'steps', or 'epochs'"
            )
    near = checked.near["test"]
    share = near["near"] / near["compared_test_rows"]
    if share > NEAR and checked.dataset.similarity_groups is None:
        official = checked.dataset.reader.split is not None
        does = "leaves such rows out of training" if official else "keeps such rows on one side"
        yield (
            f"{task}: {share:.0%} of the test records have a near neighbour in training: scores "
            "are those of a lookup as much as of a model: 'similarity_groups: {threshold: 0.8}' "
            f"{does}"
        )
    yield from _warn_of_unseen(checked)
    yield from _warn_of_gaps(checked)
    for reading in checked.readings:
        share, unit = reading.truncated / reading.rows, card["length"]["unit"]
        name = f"{task}, {reading.model}"
        if share > TRUNCATED and reading.median > reading.limit:
            yield describe_share(name, unit, reading.median, reading.limit)
        elif share > TRUNCATED:
            yield (
                f"{name}: {share:.0%} of the rows are truncated to {reading.limit} {unit} "
                f"({reading.whose}): raise 'max_length', or use 'windows'"
            )


def _warn_of_unseen(checked: "TaskCheck") -> Iterator[str]:
    """Yield that test rows have symbols of which training tells nothing, as decimal numbers."""
    if checked.dataset.alphabet.kind in ("model", "tokenizer"):
        return
    splits = checked.table["split"]
    known = {symbol for row, of in zip(checked.symbols, splits, strict=True) if of == "train"
             for symbol in row}  # fmt: skip
    asked = [symbol for row, of in zip(checked.symbols, splits, strict=True) if of == "test"
             for symbol in row]  # fmt: skip
    unseen = [symbol for symbol in asked if symbol not in known]
    if len(unseen) > UNSEEN * len(asked):
        yield (
            f"{checked.task}: {len(unseen) / len(asked):.0%} of the symbols of test rows occur in "
            f"no training row, as '{unseen[0]}', so that nothing can be learned of them: round "
            "numbers to a few steps, or set smaller symbols in 'alphabet'"
        )


def _warn_of_gaps(checked: "TaskCheck") -> Iterator[str]:
    """Yield that rows have more windows than are read."""
    windows, kind = checked.dataset.windows, checked.dataset.alphabet.kind
    if windows is None or windows.limit is None or kind == "model":
        return  # text is counted in words, and cut in tokens
    lengths = [len(row) for row in checked.symbols]
    reach = windows.size + (windows.limit - 1) * windows.stride
    longer = sorted(length for length in lengths if length > reach)
    if not longer:
        return
    read, middle = windows.limit * windows.size, longer[len(longer) // 2]
    yield (
        f"{checked.task}: {len(longer):,} of {len(lengths):,} rows are longer than their windows "
        f"reach: of {middle:,} {checked.card['length']['unit']}, at most {read:,} are read "
        f"({read / middle:.1%}): raise 'limit' of 'windows'"
    )


def _precision(checked: "TaskCheck", test: int) -> str:
    """Return what a score on so few rows tells."""
    if checked.dataset.type == "regression":
        half = 1.96 / math.sqrt(max(1, test - 3))  # of Fisher's transform, for no correlation
        return f"the 95 % interval of a correlation is about {half:.2f} to either side"
    points = 100 * 1.96 * math.sqrt(0.25 / test)
    metric = "subset accuracy" if checked.dataset.type == "multi-label" else "accuracy"
    return (
        f"one row is {100 / test:.1f} points of {metric}, and its 95 % interval is about "
        f"{points:.0f} points to either side"
    )


def _more_rows(checked: "TaskCheck") -> str:
    dataset = checked.dataset
    if dataset.reader.split is None and dataset.split.test < LARGE_SHARE:
        return f"add rows, or set a larger share, as 'split: {{dev: 0.15, test: {LARGE_SHARE}}}'"
    return "add rows"


def _warn_of_classes(checked: "TaskCheck") -> Iterator[str]:
    card, task = checked.card, checked.task
    by_label = card.get("labels_by_split")
    if by_label is None:
        return
    sizes = {label: sum(counts.values()) for label, counts in by_label.items()}
    largest = max(sizes, key=lambda label: sizes[label])
    share = sizes[largest] / card["rows"]
    if share > COMMON and checked.dataset.headline == "accuracy":
        yield (
            f"{task}: class '{largest}' has {share:.0%} of the rows, so that always answering it "
            f"has accuracy {share:.2f}: set 'metric: macro_f1'"
        )
    rare = {n: c["test"] for n, c in by_label.items() if c["test"] < FEWEST_OF_CLASS}
    what = "classes" if checked.dataset.type == "classification" else "labels"
    if rare:
        names = ", ".join(f"'{name}' ({count})" for name, count in list(rare.items())[:5])
        yield (
            f"{task}: {len(rare)} of {len(by_label)} {what} have fewer than {FEWEST_OF_CLASS} "
            f"test rows: {names}: leave them out by 'labels', or add rows"
        )
