"""A data card: records per label and split, lengths, and near neighbours of test records."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures import style

SPLIT_COLOURS = {"train": "#999999", "dev": "#56B4E9", "test": "#009E73"}
LENGTH_COLOUR = "#CC79A7"


def draw(tables: Mapping[str, Any]) -> tuple[Figure, pd.DataFrame]:
    """Draw the records of each label and split, the lengths, and what was left out or is near.

    The data has a row per label and split, and a row per bin of lengths.
    """
    card, shortcuts = tables["card"], tables["shortcuts"]
    by_label = card.get("labels_by_split") or {"all": card["splits"]}
    height = max(3.0, 1.4 + 0.16 * len(card.get("labels_by_split", {})))
    figure = Figure(figsize=(style.WIDTH, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    _draw_labels(left, by_label)
    counts, edges = (card["length"]["histogram"][key] for key in ("counts", "edges"))
    right.stairs(counts, edges, fill=True, color=LENGTH_COLOUR)
    right.set_xlabel(f"length ({card['length']['unit']})")
    right.set_ylabel("records")
    left_out = sum(reason["count"] for reason in card["rejected"])
    figure.suptitle(
        f"{card['title'] or card['task']}\n{card['rows']:,} records, "
        f"{card['duplicates']['surplus_rows_kept']:,} of them repeat another; "
        f"{left_out:,} left out\n"
        f"{describe_reach(card['length'], tables.get('reach'))}"
        f"{describe_neighbours(shortcuts['near_neighbours'])}\n"
        f"{describe_rule(shortcuts['rule'], shortcuts['metric'])}",
        fontsize=9,
    )
    records = [
        {"label": label, "split": split, "records": by_split[split]}
        for label, by_split in by_label.items()
        for split in SPLIT_COLOURS
    ]
    bins = zip(edges[:-1], edges[1:], counts, strict=True)
    lengths = [{"length_from": low, "length_to": high, "records": n} for low, high, n in bins]
    return figure, pd.DataFrame([*records, *lengths])


def describe_reach(length: Mapping[str, Any], reach: int | None) -> str:
    """Return in words, with a line end, how much of long records is read; '' if all is.

    Args:
        reach: symbols of a record that are read at most; None: all.
    """
    if reach is None or length["max"] <= reach:
        return ""
    unit, median = length["unit"], length["median"]
    if median <= reach:
        return f"Of the longest record, {length['max']:,} {unit}, {reach:,} are read\n"
    return f"{median:,.0f} {unit} (median), {reach:,} seen ({reach / median:.1%})\n"


def describe_neighbours(near: Mapping[str, Any]) -> str:
    """Return in words how many test records have a near neighbour in training."""
    rows, compared = near["test_rows"], near["compared_test_rows"]
    sampled = f" in a sample of the {rows:,}" if compared < rows else ""
    cut = f", first {near['compared_symbols']:,} symbols" if near["compared_symbols"] else ""
    return (
        f"{near['near']:,} of {compared:,} test records{sampled} have a near neighbour in training "
        f"({near['measure']} from {near['threshold']:g}{cut})"
    )


def describe_rule(rule: Mapping[str, Any], metric: str) -> str:
    """Return in words what the best rule on one feature reaches."""
    return (
        f"Best rule on one feature: {rule['rule']} ({metric.replace('_', ' ')} "
        f"{rule['test']:.3f}, a constant {rule['majority']:.3f})"
    )


def _draw_labels(axes: Axes, by_label: dict[str, dict[str, int]]) -> None:
    labels = list(by_label)
    start = [0] * len(labels)
    for split, colour in SPLIT_COLOURS.items():
        counts = [by_label[label][split] for label in labels]
        axes.barh(labels, counts, left=start, color=colour, label=split)
        start = [a + b for a, b in zip(start, counts, strict=True)]
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("records")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
