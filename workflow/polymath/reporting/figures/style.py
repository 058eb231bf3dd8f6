"""What all figures share: colours, markers, names, and how rows and legends are made."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.reporting.matrix_layout import BASELINES
from polymath.util.storage import whole_file

# Okabe and Ito's colours, told apart by all common forms of colour vision.
COLOURS = {"pretrained": "#0072B2", "scratch": "#D55E00", "re-emb": "#009E73",
           "embeddings-only": "#CC79A7", "shuffled": "#E69F00", NONE: "#000000"}  # fmt: skip
MARKERS = {"pretrained": "o", "scratch": "s", "re-emb": "^",
           "embeddings-only": "v", "shuffled": "P", NONE: "D"}  # fmt: skip
METRIC_NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "mcc": "MCC", "f1": "F1",
                "spearman": "Spearman's ρ", "pearson": "Pearson's r"}  # fmt: skip
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # a class named «$5_a$» is no formula
    "svg.fonttype": "none",
    "svg.hashsalt": "polymath",  # the same table gives the same bytes
}
WIDTH = 7.0  # inches, a full text width


def save_figure(figure: Figure, svg: Path, png: Path) -> None:
    """Write a figure in both formats, without a date in either."""
    for path, options in ((svg, {"metadata": {"Date": None}}), (png, {"dpi": 200})):
        with whole_file(path) as temporary:
            figure.savefig(temporary, bbox_inches="tight", **options)


def save_data(table: pd.DataFrame, csv: Path) -> None:
    """Write what a figure shows beside it."""
    with whole_file(csv) as temporary:
        table.to_csv(temporary, index=False)


def panel_grid(names: list[str]) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each name, two in a line."""
    columns = min(2, len(names))
    lines = math.ceil(len(names) / columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.2 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    panels = dict(zip(names, grid.flat, strict=False))
    for name, axes in panels.items():
        axes.set_title(name, fontsize=9, loc="left")
        axes.grid(color="#dddddd", linewidth=0.6)
    return figure, panels


def row_names(table: pd.DataFrame) -> pd.Series:
    """Name what is compared: the task, and those other columns that vary among what is trained;
    a baseline is named by itself.
    """
    simple = table["init"] == NONE
    counts = table[~simple].groupby("task")[[*CONDITION_COLUMNS]].nunique().max()
    varying = [name for name in CONDITION_COLUMNS[1:] if name != "init" and counts[name] > 1]
    named = table[["task", *varying]].copy()
    if "fraction" in varying:
        named["fraction"] = "fraction " + named["fraction"]
    names = named.agg(", ".join, axis=1)
    shown = ["task", "fraction"] if "fraction" in varying else ["task"]
    of_baselines = named[shown].assign(model=table["model"].replace(BASELINES))
    return names.mask(simple, of_baselines.agg(", ".join, axis=1))


def legend_handles(inits: list[str]) -> list[Line2D]:
    """Return an entry of the legend for each initialisation."""
    return [
        Line2D([], [], color=COLOURS[init], marker=MARKERS[init],
               label="baseline" if init == NONE else init)
        for init in inits
    ]  # fmt: skip
