"""The matrix as a heat map: a row a task, a column a model and initialisation."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures.style import METRIC_NAMES, STYLE, WIDTH, save_data, save_figure
from polymath.reporting.matrix_layout import column_order, has_interval, place_cells
from polymath.util.storage import read_table

ROW, COLUMN = 0.42, 1.15  # inches
DARK = 0.55  # of the colour scale: text on what is darker is white
MAP = "cividis"  # made for all common forms of colour vision


def plot_heatmap(matrix: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw the mean test score of every condition with its 95 % interval as a coloured cell.

    Colours are on one scale for all tasks, 0 for chance and 1 for the best possible score; the
    numbers are in each task's own metric.
    """
    table = place_cells(read_table(matrix))
    table["row"] += ", " + table["metric"].map(METRIC_NAMES)
    rows = list(dict.fromkeys(table["row"]))
    columns = column_order(table)
    with mpl.rc_context(STYLE):
        size = (max(WIDTH, 2.2 + COLUMN * len(columns)), 1.3 + ROW * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        colours = table.pivot_table(index="row", columns="column", values="scaled", dropna=False)
        colours = colours.reindex(index=rows, columns=columns)
        image = axes.imshow(colours, cmap=MAP, vmin=0, vmax=1, aspect="auto")
        for row in table.to_dict("records"):
            place = (columns.index(row["column"]), rows.index(row["row"]))
            _write_cell(axes, row, place)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(range(len(columns)), columns)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        label = "test score, 0 chance and 1 the best possible"
        figure.colorbar(image, ax=axes, orientation="horizontal", label=label, shrink=0.5,
                        aspect=30)  # fmt: skip
        save_figure(figure, svg, png)
    save_data(table, csv)


def _write_cell(axes: Axes, row: dict[str, Any], place: tuple[int, int]) -> None:
    mean, low, high = row["mean"], row["low"], row["high"]
    if np.isnan(mean):
        axes.text(*place, "diverged", ha="center", va="center", fontsize=7)
        return
    interval = f"\n[{low:.2f}, {high:.2f}]" if has_interval(low, high) else ""
    axes.text(*place, f"{mean:.3f}{interval}", ha="center", va="center", fontsize=7,
              color="white" if row["scaled"] < DARK else "black")  # fmt: skip
