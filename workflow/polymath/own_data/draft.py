"""Draft a configuration for a user's own files, and say what was concluded from them."""

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from polymath.data.alphabets import contents_of, split_symbols
from polymath.data.data_card import RejectedRows
from polymath.data.fetch.local import list_path
from polymath.data.labels import COMMA, MISSING, WHOLE
from polymath.data.records import build_records
from polymath.data.similarity import count_near_neighbours
from polymath.data.splits import ALIASES, SPLITS, split_counts
from polymath.experiment.config_errors import parse
from polymath.experiment.datasets import Dataset, SimilarityGroups
from polymath.experiment.sources import PathSource
from polymath.own_data.budget import BATCH, RATES, Budget, plan_budget
from polymath.own_data.column_roles import (
    FEWEST_PER_CLASS,
    ColumnRoles,
    find_column_roles,
    has_fractions,
    texts,
)
from polymath.own_data.forms import Form, find_form, is_decimal
from polymath.own_data.lines import NORMAL
from polymath.own_data.names import add_names
from polymath.own_data.options import Asked
from polymath.own_data.several_labels import FEWEST_ROWS, describe_sets
from polymath.own_data.symbols import PITCHES, estimate_tokens
from polymath.util.errors import PolymathError, list_names

MANY_VALUES = 20  # kinds of whole numbers from which they are values rather than classes
NUMBERS = 0.95  # share of numbers among labels from which the others are mistakes, as inf
COMMON = 0.8  # share of a class from which accuracy says little
NEAR = 0.05  # share of test records with a near neighbour in training, from which they are grouped
LARGEST_GROUP = 0.3  # share of the rows that may be linked by similarity
COMPARED = 5000  # rows among which near neighbours are looked for
SEED = 0


@dataclass
class Draft:
    """A task's entry in the configuration, and why it is so.

    Attributes:
        entry: the keys under `datasets: NAME`.
        comments: on the entry's keys.
        counts: rows of each split.
    """

    name: str
    entry: dict[str, Any]
    budget: Budget
    counts: dict[str, int]
    comments: dict[str, str] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)


def draft_task(path: Path, output: Path, asked: Asked, sheet: str | None = None) -> Draft:
    """Find out what a file or folder holds, and draft its task.

    Args:
        output: the configuration file, where relative paths start.
        asked: columns that the user names.

    Raises:
        PolymathError: naming what cannot be read, or what is ambiguous and the option that decides.
    """
    if not path.exists():
        raise PolymathError(f"{path}: there is no such file or folder in {Path.cwd()}")
    files = list_path(PathSource(kind="path", path=str(path)))
    form = add_names(find_form(files, sheet), files)
    roles = find_column_roles(form, asked)
    if form.reader["format"] == "midi":
        roles.symbols = PITCHES
    comments: dict[str, str] = {}
    count = f"{len(files):,} file{'s' * (len(files) != 1)}"
    facts = [f"{path}: {len(form.table):,} rows in {count}", *form.facts, *roles.facts]
    labels = _describe_labels(form, roles, facts, comments)
    entry = {
        "domain": roles.symbols.domain,
        "source": {"kind": "path", "path": _relative(path, output)},
        "reader": _reader(form, roles),
        "alphabet": roles.symbols.alphabet,
        **labels,
    }
    if roles.symbols.rank == 0:
        comments["alphabet"] = roles.symbols.reason
    budget = _fit_budget(entry, files, roles)
    entry |= _lengths(budget, comments)
    if budget.dev is not None:
        entry["split"] = {"dev": budget.dev, "test": budget.test}
        comments["split"] = "drawn, equal sequences on one side"
    table, rejected = _build(entry, files)
    entry |= _group_similar(entry, files, table, facts, comments)
    if "similarity_groups" in entry:
        table, rejected = _build(entry, files)
    counts = split_counts(table)
    entry["about"] = counts
    comments["about"] = "rows of each split, for `plan`"
    facts += _describe_rows(table, rejected, budget, entry)
    facts.append(
        f"budget: {budget.replicates} replicates, the fewest that can decide a task of its own; "
        f"{budget.steps} steps of {BATCH} rows; {len(RATES)} learning rates, of which each arm "
        "takes the best on dev"
    )
    return Draft(name_of(path), entry, budget, counts, comments, list(dict.fromkeys(facts)))


def name_of(path: Path) -> str:
    """Return a task's name made of a file's or folder's name."""
    stem = path.resolve().name.split(".")[0] or "task"
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "task"
    # YAML reads 123, 2024-01-02 and true as something other than text.
    return name if isinstance(yaml.safe_load(name), str) else f"task-{name}"


def _relative(path: Path, output: Path) -> str:
    """Return a path as it is written in the configuration file: from that file's folder."""
    folder = output.resolve().parent
    resolved = path.resolve()
    return os.path.relpath(resolved, folder) if resolved.is_relative_to(folder) else str(resolved)


def _reader(form: Form, roles: ColumnRoles) -> dict[str, Any]:
    """Return the reader's keys, without those that are at their defaults."""
    reader = dict(form.reader)
    renamed = {}
    if not form.has_names and "header" in reader:
        singles = {"sequence": roles.sequences[0], "label": roles.label, "split": roles.split}
        renamed = {name: role for role, name in singles.items() if isinstance(name, str)}
        reader["header"] = [renamed.get(name, name) for name in reader["header"]]
    named = {
        "sequence": roles.sequences[0],
        "sequence2": roles.sequences[1] if len(roles.sequences) > 1 else None,
        "label": roles.label if isinstance(roles.label, str) else None,
        "split": roles.split,
        "group": roles.group,
        "id": roles.id,
    }
    for role, column in named.items():
        column = renamed.get(column or "", column)
        if column is not None and not (role in ("sequence", "label") and column == role):
            reader[role] = column
    if not isinstance(roles.label, str):
        reader["label"] = list(roles.label)
    if roles.label_separator is not None:
        reader["label_separator"] = roles.label_separator
    if roles.split_names:
        reader["split_names"] = roles.split_names
    if roles.decimal is not None:
        reader["decimal"] = roles.decimal
    return reader


def _describe_labels(
    form: Form, roles: ColumnRoles, facts: list[str], comments: dict[str, str]
) -> dict[str, Any]:
    """Return the entry's keys about labels."""
    if roles.is_multi_label:
        return describe_sets(form, roles, facts, comments)
    (column,) = roles.labels
    labels = texts(form.table, column)
    filled = labels[labels != ""]
    if filled.empty:
        raise PolymathError(f"column '{column}' is empty: name the labels' by --label")
    known = filled[~filled.isin(MISSING)]  # reading the rows refuses the others, by their lines
    finite = known[known.map(is_decimal)]
    are_values = has_fractions(finite) or finite.nunique() > MANY_VALUES
    if len(finite) >= NUMBERS * len(known) > 0 and are_values:
        known = finite
        values = known.str.replace(",", ".").astype(float)
        facts.append(
            f"type: regression, as the labels are numbers from {values.min():g} to {values.max():g}"
        )
        if known.map(lambda value: COMMA(value) is not None).any():
            roles.decimal = ","
        return {"type": "regression"}
    entry: dict[str, Any] = {}
    if NORMAL in set(filled) and filled.nunique() > 1 and set(filled) != {"+", "-"}:
        facts.append(f"label_map: '{NORMAL}' is normal, every other label an anomaly, as in logs")
        comments["label_map"] = "`*`: every other label"
        entry["label_map"] = {NORMAL: "normal", "*": "anomaly"}
        filled = filled.where(filled == NORMAL, "anomaly").replace(NORMAL, "normal")
    return entry | _describe_classes(form, filled, roles, facts, comments)


def _describe_classes(
    form: Form, labels: pd.Series, roles: ColumnRoles, facts: list[str], comments: dict[str, str]
) -> dict[str, Any]:
    # As the records have them: in composed letters, and 1.0 is 1 where both occur.
    labels = labels.map(lambda name: unicodedata.normalize("NFC", name))
    names = set(labels)
    labels = labels.map(
        lambda name: whole[1] if (whole := WHOLE(name)) and whole[1] in names else name
    )
    counts = labels.value_counts()
    if len(counts) < 2:
        raise PolymathError(
            f"column '{roles.labels[0]}': all {len(labels):,} labels are '{counts.index[0]}', and "
            "two classes are needed: name another column by --label"
        )
    share = counts.iloc[0] / counts.sum()
    shown = [f"{name} {count:,} ({count / counts.sum():.0%})" for name, count in counts.items()]
    facts.append(f"classes: {len(counts)}: {list_names(shown)}")
    entry: dict[str, Any] = {}
    enough = counts[counts >= (FEWEST_ROWS if counts.iloc[1] >= FEWEST_ROWS else FEWEST_PER_CLASS)]
    if len(enough) < len(counts) and roles.split is None:
        if len(enough) < 2:
            raise PolymathError(
                f"column '{roles.labels[0]}': {len(enough)} of {len(counts):,} classes have "
                f"{FEWEST_PER_CLASS} rows, one for each split, and two are needed: name another "
                "column by --label"
            )
        entry["labels"] = sorted(map(str, enough.index))
        rare = list_names([str(name) for name in counts.index if name not in enough.index])
        facts.append(f"labels: classes too rare to be split are left out: {rare}")
        comments["labels"] = "classes to keep; rarer ones are left out"
    unseen = _unseen_labels(form, roles, labels)
    if unseen:
        entry["unseen_labels"] = "drop"
        facts.append(f"unseen_labels: no training row has {list_names(unseen)}: left out")
        comments["unseen_labels"] = "classes without a training row are left out"
    if len(counts) == 2 and counts.iloc[0] > counts.iloc[1]:
        entry["positive"] = str(counts.index[-1])
        comments["positive"] = "the rarer class, whose F1 is scored"
    if share > COMMON:
        entry["metric"] = "macro_f1"
        comments["metric"] = f"accuracy says little where one class has {share:.0%}"
        facts.append(f"metric: macro F1, as one class has {share:.0%} of the rows")
    return entry


def _unseen_labels(form: Form, roles: ColumnRoles, labels: pd.Series) -> list[str]:
    """Return labels that the files' own split has in no training row, to be left out.

    Nothing if all rows of a split would go with them: their labels may be withheld, which reading
    the rows refuses.
    """
    if roles.split is None:
        return []
    words = texts(form.table, roles.split)
    splits = words.map(lambda word: roles.split_names.get(word) or ALIASES.get(word.lower()))
    of_label = splits.loc[labels.index]
    seen = set(labels[of_label == "train"])
    kept = set(of_label[labels.isin(seen)])
    return sorted(set(labels) - seen) if kept == set(of_label) else []


def _fit_budget(entry: dict[str, Any], files: list[Path], roles: ColumnRoles) -> Budget:
    """Return the budget of a task, from the lengths of its rows."""
    table, _ = _build(entry, files)
    alphabet = _dataset(entry).alphabet
    if roles.symbols.is_text:
        lengths = [estimate_tokens(content) for content in contents_of(table)]
    else:
        lengths = [len(split_symbols(content, alphabet)) for content in contents_of(table)]
    budget = plan_budget(lengths, roles.symbols, roles.split is not None)
    if budget.windows is not None and "sequence2" in table:
        return replace(budget, windows=None, max_length=2 * budget.max_length)
    return budget


def _lengths(budget: Budget, comments: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"max_length": budget.max_length}
    comments["max_length"] = f"{budget.kept:.0%} of the rows are read whole"
    if budget.windows is not None:
        size, limit = budget.windows
        entry["windows"] = {"size": size, "stride": size, "limit": limit}
        comments["windows"] = "pieces of a sequence, which vote"
    return entry


def _dataset(entry: dict[str, Any]) -> Dataset:
    return parse(Dataset, entry, "new")


def _build(entry: dict[str, Any], files: list[Path]) -> tuple[pd.DataFrame, RejectedRows]:
    rejected = RejectedRows()
    return build_records(_dataset(entry), files, SEED, rejected), rejected


def _group_similar(
    entry: dict[str, Any],
    files: list[Path],
    table: pd.DataFrame,
    facts: list[str],
    comments: dict[str, str],
) -> dict[str, Any]:
    """Return similarity groups where test records have near neighbours in training."""
    alphabet = _dataset(entry).alphabet
    if alphabet.kind == "model" or len(table) > COMPARED:
        return {}
    long = table["sequence"].str.len().median() > 500
    policy = SimilarityGroups(**({"measure": "containment", "threshold": 0.5} if long else {}))
    test, train = (table.loc[table["split"] == split, "sequence"] for split in ("test", "train"))
    near = count_near_neighbours(test, train, alphabet, policy, SEED)
    share = near["near"] / max(1, near["compared_test_rows"])
    if share < NEAR:
        return {}
    keys = policy.model_dump(exclude_defaults=True) or {"threshold": policy.threshold}
    note = f"{share:.0%} of the test records would have a near neighbour in training"
    try:
        grouped, _ = _build({**entry, "similarity_groups": keys}, files)
    except PolymathError:
        grouped = table.iloc[:0]
    if grouped.empty or grouped["group"].value_counts().iloc[0] > LARGEST_GROUP * len(grouped):
        facts.append(
            f"similarity: {note}; they are not kept together, as chains of similar sequences join "
            f"more than {LARGEST_GROUP:.0%} of the rows"
        )
        return {}
    facts.append(f"similarity_groups: {note}: similar sequences are kept on one side of the split")
    comments["similarity_groups"] = "near duplicates on one side"
    return {"similarity_groups": keys}


def _describe_rows(
    table: pd.DataFrame, rejected: RejectedRows, budget: Budget, entry: dict[str, Any]
) -> Iterator[str]:
    """Yield what became of the rows."""
    counts = split_counts(table)
    how = "drawn" if budget.dev is not None else "of the files"
    yield f"splits, {how}: " + ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)
    repeated = int(contents_of(table).duplicated().sum())
    if repeated:
        yield f"duplicates: {repeated:,} rows repeat another; equal ones stay on one side"
    for reason in rejected.as_list():
        yield f"left out: {reason['count']:,} rows: {reason['reason']}, first {reason['first'][0]}"
    if rejected.replaced:
        illegal = _dataset(entry).alphabet.illegal
        yield f"symbols: in {rejected.replaced:,} rows other symbols are read as {illegal}"
    yield from rejected.notices
