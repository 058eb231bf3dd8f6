"""The data card: counts, lengths, duplicates, and which rows were left out and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from polymath.data.alphabets import contents_of, split_symbols
from polymath.data.label_sets import count_by_split, explode_labels
from polymath.data.readers import PLACE
from polymath.data.splits import SPLITS, split_counts
from polymath.experiment.datasets import Dataset

EXAMPLES_KEPT = 5


@dataclass
class RejectedRows:
    """Rows left out: how many for each reason, and where the first few stand.

    `replaced` counts rows that were kept with their illegal symbols replaced; `notices` are
    sentences about what a user may not expect.
    """

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    replaced: int = 0
    notices: list[str] = field(default_factory=list)

    def drop(self, table: pd.DataFrame, bad: pd.Series, reason: str) -> pd.DataFrame:
        """Return the rows that are not `bad`; count the others under `reason`."""
        if bad.any():
            self.count(reason, list(table.loc[bad, PLACE]))
        return table[~bad].reset_index(drop=True)

    def count(self, reason: str, places: list[str]) -> None:
        """Count rows under a reason, by where they stand."""
        self.counts[reason] += len(places)
        kept = self.places.setdefault(reason, [])
        kept += places[: EXAMPLES_KEPT - len(kept)]

    def as_list(self) -> list[dict[str, Any]]:
        """Return one entry per reason, as in the data card."""
        return [
            {"reason": reason, "count": count, "first": self.places[reason]}
            for reason, count in sorted(self.counts.items())
        ]


def describe_records(table: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """Return the counts of a data card: splits and labels, lengths, duplicates."""
    alphabet = dataset.alphabet
    contents = contents_of(table)
    lengths = pd.Series([len(split_symbols(content, alphabet)) for content in contents])
    counts, edges = np.histogram(lengths, bins=min(30, max(1, lengths.nunique())))
    card: dict[str, Any] = {
        "rows": len(table),
        "splits": split_counts(table),
        "groups": int(table["group"].nunique()),
        "length": {
            "unit": "words" if alphabet.kind == "model" else "symbols",
            "min": int(lengths.min()),
            "median": float(lengths.median()),
            "max": int(lengths.max()),
            "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
        },
        "duplicates": {
            "policy": dataset.duplicates,
            "rows_kept_with_an_equal_one": int(contents.duplicated(keep=False).sum()),
            "surplus_rows_kept": int(contents.duplicated().sum()),
        },
    }
    if dataset.type != "regression":
        labels, separator = table["label"], dataset.reader.set_separator
        cross = count_by_split(table, separator)
        card["labels_by_split"] = cross.reindex(columns=SPLITS, fill_value=0).to_dict("index")
        if dataset.type == "multi-label":
            card["label_sets"] = {
                "distinct": int(labels.nunique()),
                "without_label": int((labels == "").sum()),
                "labels_per_row": len(explode_labels(labels, separator)) / len(labels),
            }
    else:
        values = table["label"].describe()
        card["label_values"] = {k: float(values[k]) for k in ("min", "mean", "max", "std")}
    return card
