"""Data cards as pictures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures.style import STYLE, WIDTH, save_figure
from polymath.util.storage import read_json

SPLIT_COLOURS = {"train": "#999999", "dev": "#56B4E9", "test": "#009E73"}
LENGTH_COLOUR = "#CC79A7"


def plot_card(card: Path, svg: Path, png: Path) -> None:
    """Draw a data card: rows for each label and split, lengths, what was left out."""
    data = read_json(card)
    with mpl.rc_context(STYLE):
        height = max(2.9, 1.3 + 0.16 * len(data.get("labels_by_split", {})))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        _draw_labels(left, data)
        counts, edges = (data["length"]["histogram"][key] for key in ("counts", "edges"))
        right.stairs(counts, edges, fill=True, color=LENGTH_COLOUR)
        right.set_xlabel(f"length ({data['length']['unit']})")
        right.set_ylabel("records")
        rejected = sum(one["count"] for one in data["rejected"])
        figure.suptitle(
            f"{data['title'] or data['task']}\n{data['rows']:,} records, "
            f"{data['duplicates']['surplus_rows_kept']:,} of them repeat another; "
            f"{rejected:,} left out",
            fontsize=9,
        )
        save_figure(figure, svg, png)


def _draw_labels(axes: Axes, data: dict[str, Any]) -> None:
    by_label = data.get("labels_by_split") or {"all": data["splits"]}
    labels = list(by_label)
    start = [0] * len(labels)
    for split, colour in SPLIT_COLOURS.items():
        counts = [by_label[label][split] for label in labels]
        axes.barh(labels, counts, left=start, color=colour, label=split)
        start = [a + b for a, b in zip(start, counts, strict=True)]
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("records")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
