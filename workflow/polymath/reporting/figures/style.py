"""What all figures share: colours, markers, names, and how rows and legends are made."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.reporting.matrix_layout import BASELINES

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


def add_legend(
    figure: Figure, inits: Iterable[str], keys: Sequence[Line2D | Patch] = (), *, ncols: int
) -> None:
    """Put a legend above a figure: an entry per initialisation, then the figure's own keys."""
    arms = [
        Line2D([], [], color=COLOURS[init], marker=MARKERS[init],
               label="baseline" if init == NONE else init)
        for init in dict.fromkeys(inits)
    ]  # fmt: skip
    figure.legend(handles=[*arms, *keys], loc="outside upper center", ncols=ncols)


def name_rows(axes: Axes, rows: list[str]) -> None:
    """Name the rows of a panel, the first on top, and draw a grid of vertical lines."""
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_error_bars(axes: Axes, table: pd.DataFrame, x: str, init: str) -> None:
    """Draw the means of an initialisation against the column `x`, with their intervals."""
    axes.errorbar(
        table[x], table["mean"],
        yerr=[table["mean"] - table["low"], table["high"] - table["mean"]],
        color=COLOURS[init], marker=MARKERS[init], markersize=4, linewidth=1.4, elinewidth=0.8,
        capsize=2,
    )  # fmt: skip


def set_log_ticks(axes: Axes, values: pd.Series) -> None:
    """Use a logarithmic x axis with a tick per value and no other."""
    axes.set_xscale("log")
    ticks = sorted(set(values))
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.minorticks_off()


def write_note(axes: Axes, text: str) -> None:
    """Write in place of a figure why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center")
