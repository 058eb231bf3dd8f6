"""What a user should know of a split: shares missed, small classes, what is dropped or refused."""

from collections.abc import Mapping

import pandas as pd

from polymath.data.data_card import RejectedRows
from polymath.data.label_sets import count_by_split, explode_labels, has_label, keep_labels
from polymath.data.readers import PLACE
from polymath.data.splits import SPLITS, split_counts
from polymath.experiment.datasets import Dataset
from polymath.util.errors import PolymathError, list_names

EXCESS = 1.5  # times the share asked for, from which a drawn split is called large


def note_shares(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> None:
    """Note drawn splits that are much larger than asked, and why."""
    if dataset.reader.split is not None:
        return
    asked = {"dev": dataset.split.dev, "test": dataset.split.test}
    counts = split_counts(table)
    for split, share in asked.items():
        if counts[split] > EXCESS * share * len(table) + 1:
            rejected.notices.append(
                f"{split} has {counts[split]} of {len(table)} rows "
                f"({counts[split] / len(table):.0%}) instead of {share:.0%}: every split has at "
                "least one sequence or group of each class, and groups stay whole"
            )
    if dataset.type == "classification":
        _note_small_classes(table, asked, rejected)
    largest = table["group"].value_counts().iloc[0]
    if largest > max(asked.values()) * len(table) and largest > 1:
        rejected.notices.append(
            f"the largest group has {largest} of {len(table)} rows "
            f"({largest / len(table):.0%}), which all lie in one split"
        )


def _note_absent_labels(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> None:
    """Note labels that no row, or every row, of dev or test has."""
    counts = count_by_split(table, dataset.reader.set_separator)
    rows = split_counts(table)
    for split in ("dev", "test"):
        of_split = counts.get(split, pd.Series(0, index=counts.index))
        alike = sorted(counts.index[of_split.isin([0, rows[split]])])
        if alike:
            rejected.notices.append(
                f"{split}: {list_names(alike)}: no row has the label, or all rows do: ROC-AUC and "
                f"average precision on {split} leave it out"
            )


def _note_small_classes(
    table: pd.DataFrame, asked: Mapping[str, float], rejected: RejectedRows
) -> None:
    """Note classes too small for the shares asked: each split has at least one of their rows."""
    counts = count_by_split(table, None).reindex(columns=SPLITS, fill_value=0)
    least = min(asked.values())
    small = counts[counts.sum(axis=1) * least * EXCESS < 1]
    if len(small):
        examples = [
            f"'{name}' ({', '.join(f'{row[split]} {split}' for split in SPLITS)})"
            for name, row in small.iterrows()
        ]
        rejected.notices.append(
            f"too small for a share of {least:.0%}, and split with a row or group in each: "
            f"{list_names(examples)}"
        )


def drop_unseen(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> pd.DataFrame:
    """Drop rows of classes without a training row; of sets, these labels alone."""
    separator = dataset.reader.set_separator
    if dataset.type == "regression":
        return table
    seen = set(explode_labels(table.loc[table["split"] == "train", "label"], separator))
    if separator is None:
        return rejected.drop(table, ~table["label"].isin(seen), "class without a training row")
    kept = keep_labels(table["label"], seen, separator)
    changed = kept != table["label"]
    if changed.any():
        names = sorted(set(explode_labels(table["label"], separator)) - seen)
        rejected.notices.append(
            f"labels without a training row, left out of {changed.sum()} sets: {list_names(names)}"
        )
    return table.assign(label=kept)


def check_splits(table: pd.DataFrame, dataset: Dataset, rejected: RejectedRows) -> None:
    """Refuse splits without a row, and classes that cannot be learned.

    Raises:
        PolymathError: naming the split or the class, and the remedy.
    """
    for split, count in split_counts(table).items():
        if count == 0:
            reasons = "; ".join(
                f"{entry['count']} rows were left out: {entry['reason']}"
                for entry in rejected.as_list()
            )
            raise PolymathError(
                f"no row is left for {split}: add rows or change the split"
                + (f" ({reasons})" if reasons else "")
            )
    if dataset.type == "regression":
        _check_values(table, rejected)
        return
    separator = dataset.reader.set_separator
    classes = set(explode_labels(table["label"], separator))
    if dataset.labels and dataset.unseen_labels == "error":
        classes |= set(dataset.labels)
    if len(classes) < 2:
        raise PolymathError(
            f"only the class '{min(classes, default='')}' is left after rows were left out: "
            "correct these, or change 'illegal' of the alphabet or 'duplicates'"
        )
    train = table.loc[table["split"] == "train", "label"]
    _check_unseen(table, classes - set(explode_labels(train, separator)), separator)
    if dataset.type == "multi-label":
        _note_absent_labels(table, dataset, rejected)


def _check_values(table: pd.DataFrame, rejected: RejectedRows) -> None:
    """Refuse values that do not vary in training; note those that do not in other splits."""
    for split in SPLITS:
        values = table.loc[table["split"] == split, "label"]
        if values.nunique() > 1:
            continue
        what = f"all {len(values)} rows of {split} have the value {values.iloc[0]:g}"
        if split == "train":
            raise PolymathError(
                f"{table.loc[values.index[0], PLACE]}: {what}, so that nothing can be learned: "
                "check 'label' of the reader"
            )
        rejected.notices.append(f"{what}: correlations and R² tell nothing there")


def _check_unseen(table: pd.DataFrame, unseen: set[str], separator: str | None) -> None:
    """Refuse classes without a training row, with the first of their rows."""
    if not unseen:
        return
    name = min(unseen)
    is_of_class = has_label(table["label"], name, separator)
    of_class = table[is_of_class]
    if of_class.empty:
        raise PolymathError(
            f"class '{name}' of 'labels' has no row in train: leave it out of 'labels', or set "
            "'unseen_labels: drop'"
        )
    first = of_class.iloc[0]
    of_split = is_of_class[table["split"] == first["split"]]
    if of_split.all():
        raise PolymathError(
            f"{first[PLACE]}: all {len(of_split)} rows of {first['split']} have the label "
            f"'{name}', which no training row has: the labels may be withheld: leave these rows out"
        )
    raise PolymathError(
        f"{first[PLACE]}: class '{name}' has no row in train ({len(of_class)} rows in other "
        "splits): add some, name the classes to keep in 'labels', or set 'unseen_labels: drop'"
    )


def check_counts(dataset: Dataset, table: pd.DataFrame) -> None:
    """Compare the records with the row counts that the catalogue or the user states.

    Raises:
        PolymathError: with both counts.
    """
    if dataset.rows is None:
        return
    expected = dataset.rows.model_dump()
    counts = split_counts(table)
    if counts != expected:
        raise PolymathError(
            f"rows: expected {expected}, found {counts}: check that the files "
            "are whole and the right ones, or change 'rows' or leave it out"
        )
