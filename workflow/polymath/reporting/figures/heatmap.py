"""The matrix as a heat map: one row per task, one column per model and initialisation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures import style
from polymath.reporting.matrix import METRIC_NAMES, arrange_matrix, order_columns
from polymath.reporting.tables import format_interval, has_width

ROW, COLUMN = 0.42, 1.15  # inches
DARK = 0.55  # of the colour scale: text on darker cells is white
MAP = "cividis"  # legible with all common forms of colour vision


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw the mean test score of every condition with its 95 % interval as a coloured cell.

    Colours are on one scale for all tasks, 0 for chance and 1 for the best possible score; the
    numbers are in each task's own metric.
    """
    table = arrange_matrix(tables["matrix"])
    table["row"] += ", " + table["metric"].map(METRIC_NAMES)
    rows, columns = list(dict.fromkeys(table["row"])), order_columns(table)
    size = (max(style.WIDTH, 2.2 + COLUMN * len(columns)), 1.3 + ROW * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    colours = table.pivot_table(index="row", columns="column", values="scaled", dropna=False)
    colours = colours.reindex(index=rows, columns=columns)
    image = axes.imshow(colours, cmap=MAP, vmin=0, vmax=1, aspect="auto")
    for cell in table.to_dict("records"):
        _write_cell(axes, cell, columns.index(cell["column"]), rows.index(cell["row"]))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    label = "test score, 0 chance and 1 the best possible"
    figure.colorbar(image, ax=axes, orientation="horizontal", label=label, shrink=0.5, aspect=30)
    return figure, table


def _write_cell(axes: Axes, cell: dict[str, Any], x: int, y: int) -> None:
    mean, low, high = cell["mean"], cell["low"], cell["high"]
    if np.isnan(mean):
        axes.text(x, y, "diverged", ha="center", va="center", fontsize=7)
        return
    interval = "\n" + format_interval(low, high, ".2f") if has_width(low, high) else ""
    axes.text(x, y, f"{mean:.3f}{interval}", ha="center", va="center", fontsize=7,
              color="white" if cell["scaled"] < DARK else "black")  # fmt: skip
