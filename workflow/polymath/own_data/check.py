"""Check a configuration against its data: what will be read, split and compared, and how well."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.data.alphabets import contents_of, split_symbols
from polymath.data.data_card import RejectedRows, describe_records
from polymath.data.fetch.local import list_path, require_own_files
from polymath.data.fetch.manifest import Manifest
from polymath.data.labels import class_names
from polymath.data.records import build_records
from polymath.data.shortcuts import Score, class_sizes, score_rule
from polymath.data.similarity import count_near_neighbours
from polymath.data.splits import SPLITS
from polymath.evaluation.metrics import choose_positive, headline_by_sizes
from polymath.experiment.config import Experiment
from polymath.experiment.datasets import Dataset, SimilarityGroups
from polymath.experiment.paths import ResultPaths
from polymath.experiment.sources import PathSource
from polymath.own_data.reading import Reading, read_as_models
from polymath.own_data.warnings import warn_of_data, warn_of_design
from polymath.util.errors import PolymathError, list_names
from polymath.util.seeds import derive_seed, hash_order

COMPARED = 1000  # rows of a split whose near neighbours are looked for
RULED = 20_000  # rows on which rules are fitted
SHOWN = 5  # rows
SYMBOLS = 12  # of a row that are shown


@dataclass
class TaskCheck:
    """A task's records, as the run will make them."""

    task: str
    dataset: Dataset
    table: pd.DataFrame
    rejected: RejectedRows
    readings: list[Reading] = field(default_factory=list)
    near: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def card(self) -> dict[str, Any]:
        """The counts of the data card."""
        return describe_records(self.table, self.dataset)

    @cached_property
    def contents(self) -> pd.Series:
        """Each record's sequence, or both of a pair."""
        return contents_of(self.table)

    @cached_property
    def symbols(self) -> list[list[str]]:
        """Each record's symbols, or words of text."""
        return [split_symbols(content, self.dataset.alphabet) for content in self.contents]

    @cached_property
    def headline(self) -> tuple[str, Score]:
        """The headline metric as the classes' sizes choose it: its name and function."""
        separator = self.dataset.reader.set_separator
        sizes = class_sizes(self.table, class_names(self.dataset, self.table), separator)
        return headline_by_sizes(self.dataset.headline, self.dataset.positive is not None, sizes)


def describe_check(experiment: Experiment) -> Iterator[str]:
    """Yield what a configuration will read and compare, its warnings last.

    Raises:
        PolymathError: as a run would, naming the file, the row and the remedy.
    """
    require_own_files(experiment)
    warnings = list(warn_of_design(experiment))
    for task in experiment.tasks:
        checked = check_task(experiment, task)
        if checked is None:
            yield f"{task}: not downloaded yet, and not checked"
            continue
        yield from describe_task(checked)
        warnings += warn_of_data(checked, experiment)
    yield ""
    yield from (f"WARNING: {warning}" for warning in warnings)
    if not warnings:
        yield "no warnings"


def check_task(experiment: Experiment, task: str) -> TaskCheck | None:
    """Return a task's records, or None if its files are not here.

    Raises:
        PolymathError: as a run would.
    """
    dataset = experiment.datasets[task]
    files = _files(dataset, ResultPaths.of(experiment.results).raw_manifest(task))
    if files is None:
        return None
    rejected = RejectedRows()
    try:
        table = build_records(dataset, files, experiment.seed, rejected)
    except PolymathError as error:
        raise PolymathError(f"datasets: {task}: {error}") from None
    checked = TaskCheck(task, dataset, table, rejected)
    checked.readings = read_as_models(experiment, task, table)
    checked.near = {split: _near_training(checked, split, experiment.seed) for split in SPLITS[1:]}
    return checked


def _files(dataset: Dataset, manifest: Path) -> list[Path] | None:
    if isinstance(dataset.source, PathSource):
        return list_path(dataset.source)
    return Manifest.read(manifest).locate_all() if manifest.is_file() else None


def _near_training(checked: TaskCheck, split: str, seed: int) -> dict[str, Any]:
    splits, contents = checked.table["split"], checked.contents
    policy = checked.dataset.similarity_groups or SimilarityGroups()
    stream = derive_seed(seed, "neighbours")
    order = hash_order(list(contents.index[splits == split]), stream)[:COMPARED]
    near = count_near_neighbours(
        contents[order], contents[splits == "train"], checked.dataset.alphabet, policy, stream
    )
    return {**near, "split_rows": int((splits == split).sum())}


def describe_task(checked: TaskCheck) -> Iterator[str]:
    """Yield a task's rows, splits, classes, groups, lengths and shortcuts."""
    card, dataset = checked.card, checked.dataset
    yield f"{checked.task}: {card['rows']:,} records of {dataset.domain}, {checked.headline[0]}"
    yield from _describe_rows(checked)
    yield "  splits: " + ", ".join(f"{name} {card['splits'][name]:,}" for name in SPLITS)
    yield from _describe_labels(card)
    yield from _describe_positive(checked)
    yield (
        f"  groups: {card['groups']:,} that stay on one side, the largest of "
        f"{checked.table['group'].value_counts().iloc[0]:,} records; "
        f"{card['duplicates']['surplus_rows_kept']:,} records repeat another"
    )
    length = card["length"]
    yield (
        f"  lengths: {length['min']:,} to {length['max']:,} {length['unit']}, median "
        f"{length['median']:,.0f}"
    )
    yield from (f"    {reading.describe()}" for reading in checked.readings)
    for split, near in checked.near.items():
        sampled = " (a sample)" if near["compared_test_rows"] < near["split_rows"] else ""
        yield (
            f"  near-duplicates: {near['near']:,} of {near['compared_test_rows']:,} {split} "
            f"records{sampled} have one in training ({near['measure']} from {near['threshold']:g})"
        )
    yield _describe_rule(checked)
    for reason in checked.rejected.as_list():
        first = list_names(reason["first"][:1])
        yield f"  left out: {reason['count']:,} rows: {reason['reason']}, the first {first}"
    if checked.rejected.replaced:
        yield (
            f"  symbols replaced by {dataset.alphabet.illegal!r} in "
            f"{checked.rejected.replaced:,} rows"
        )
    yield from (f"  NOTE: {notice}" for notice in checked.rejected.notices)


def _describe_rows(checked: TaskCheck) -> Iterator[str]:
    """Yield a few rows of different classes as symbols and as token ids."""
    table, reading = checked.table.reset_index(drop=True), checked.readings[0]
    by = "split" if checked.dataset.type == "regression" else "label"
    order = [*table.groupby(by, sort=False).head(1).index, *table.index]
    places = list(dict.fromkeys(order))[:SHOWN]
    yield f"  {len(places)} rows as symbols, and as token ids {reading.ids_of}"
    for place in places:
        ids, symbols = reading.ids[place], reading.symbols(place, checked.symbols)
        more = " ..." if len(ids) > SYMBOLS else ""
        split, label = table.loc[place, ["split", "label"]]
        shown = str(label)[:20] or "no label"
        yield f"    {split}, {shown}: {' '.join(symbols[:SYMBOLS])}{more}"
        yield f"      {' '.join(map(str, ids[:SYMBOLS]))}{more}"


def _describe_labels(card: dict[str, Any]) -> Iterator[str]:
    if "label_values" in card:
        values = card["label_values"]
        yield f"  values: {values['min']:g} to {values['max']:g}, mean {values['mean']:.4g}"
        return
    by_label = card["labels_by_split"]
    sizes = {label: sum(counts.values()) for label, counts in by_label.items()}
    shown = [
        f"{label} {size:,} ({size / card['rows']:.0%}; "
        + "/".join(f"{by_label[label][split]:,}" for split in SPLITS)
        + ")"
        for label, size in sorted(sizes.items(), key=lambda pair: -pair[1])
    ]
    sets = card.get("label_sets")
    yield f"  {'labels' if sets else 'classes'}: {len(sizes)} (train/dev/test): {list_names(shown)}"
    if sets:
        yield (
            f"  sets of labels: {sets['distinct']:,}, {sets['labels_per_row']:.2g} labels per "
            f"record, {sets['without_label']:,} records without a label; a label is predicted "
            "above a probability of 0.5"
        )


def _describe_positive(checked: TaskCheck) -> Iterator[str]:
    """Yield the class that F1 and average precision are of, where there are two."""
    names = class_names(checked.dataset, checked.table)
    if len(names) == 2 and checked.dataset.type == "classification":
        named = checked.dataset.positive
        sizes = class_sizes(checked.table, names)
        number = choose_positive(named is not None, sizes)
        why = "both are as common" if sizes[0] == sizes[1] else "the rarer one"
        by_default = "" if named else f" ({why}; 'positive' names another)"
        yield f"  positive class: {names[number]}{by_default}"


def _describe_rule(checked: TaskCheck) -> str:
    chosen = checked.table.head(RULED)
    names = class_names(checked.dataset, checked.table)
    headline, score = checked.headline
    separator = checked.dataset.reader.set_separator
    rule = score_rule(chosen, checked.symbols[: len(chosen)], names, score, separator)
    constant = "the commonest class" if names else "the mean"
    if separator is not None:
        card = checked.card
        common = [
            label
            for label, counts in card["labels_by_split"].items()
            if counts["train"] > card["splits"]["train"] / 2
        ]
        constant = f"{separator.join(common) or 'no label'} (what most training rows have)"
    return (
        f"  best rule on one feature: {rule['rule']}: {headline} {rule['test']:.3f} on test, where "
        f"always {constant} has {rule['majority']:.3f}"
    )
