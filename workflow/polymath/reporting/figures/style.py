"""Colours, markers, names, panels, rows and legends of all figures."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.experiment.initialisations import first_layers
from polymath.reporting.matrix import BASELINE_NAMES
from polymath.reporting.tables import varying_columns

# Okabe and Ito's colours, distinct in all common forms of colour vision; beyond the eight of them,
# Tol's muted ones.
COLOURS = {"pretrained": "#0072B2", "scratch": "#D55E00", "re-emb": "#009E73",
           "embeddings-only": "#CC79A7", "attention-only": "#56B4E9", "mlp-only": "#882255",
           "norms-only": "#999933", "shuffled": "#E69F00", "mimetic": "#661100",
           NONE: "#000000"}  # fmt: skip
MARKERS = {"pretrained": "o", "scratch": "s", "re-emb": "^",
           "embeddings-only": "v", "attention-only": "<", "mlp-only": ">", "norms-only": "d",
           "shuffled": "P", "mimetic": "X", NONE: "D"}  # fmt: skip
FIRST_LAYERS_COLOUR, FIRST_LAYERS_MARKER = "#332288", "h"  # of first-K-layers, paler for a small K
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # class names may hold dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "polymath",  # the same table gives the same bytes
}
WIDTH = 7.0  # inches, a full text width


def colour_of(init: str) -> str:
    """Return the colour of an initialisation."""
    count = first_layers(init)
    if count is None:
        return COLOURS[init]
    colour = np.array(to_rgb(FIRST_LAYERS_COLOUR))
    red, green, blue = colour + (1 - colour) * 0.6 / count
    return to_hex((red, green, blue))


def marker_of(init: str) -> str:
    """Return the marker of an initialisation."""
    return FIRST_LAYERS_MARKER if first_layers(init) else MARKERS[init]


def panel_grid(names: Iterable[str]) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with one panel per different name, two in a line."""
    titles = list(dict.fromkeys(names))
    columns = min(2, len(titles))
    lines = math.ceil(len(titles) / columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.2 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(titles) :]:
        axes.set_visible(False)
    panels = dict(zip(titles, grid.flat, strict=False))
    for name, axes in panels.items():
        axes.set_title(name, fontsize=9, loc="left")
        axes.grid(color="#dddddd", linewidth=0.6)
    return figure, panels


def row_names(table: pd.DataFrame) -> pd.Series:
    """Name the rows of a figure: the task, and the settings that vary among trained models; a
    baseline by its task and its own name.
    """
    is_baseline = table["init"] == NONE
    settings = [name for name in CONDITION_COLUMNS[1:] if name != "init"]
    varying = varying_columns(table[~is_baseline], settings, within=["task"])
    names = table[["task", *varying]].copy()
    if "fraction" in varying:
        names["fraction"] = "fraction " + names["fraction"]
    shown = ["task", "fraction"] if "fraction" in varying else ["task"]
    of_baselines = names[shown].assign(model=table["model"].replace(BASELINE_NAMES))
    return names.agg(", ".join, axis=1).mask(is_baseline, of_baselines.agg(", ".join, axis=1))


def add_legend(
    figure: Figure, inits: Iterable[str], keys: Sequence[Line2D | Patch] = (), *, ncols: int
) -> None:
    """Put a legend above a figure: an entry per initialisation, then the figure's own keys."""
    arms = [
        Line2D([], [], color=colour_of(init), marker=marker_of(init),
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
        color=colour_of(init), marker=marker_of(init), markersize=4, linewidth=1.4, elinewidth=0.8,
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
