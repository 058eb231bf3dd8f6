"""Speed-ups as a picture."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from polymath.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    WIDTH,
    legend_handles,
    row_names,
    save_data,
    save_figure,
)
from polymath.files import read_table

ROW = 0.26  # inches


def plot_speed(convergence: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw how many times fewer examples than from random weights each arm needs to the target.

    At the right, how many replicates of the arm and of random weights reached it at all.
    """
    table = read_table(convergence)
    table = table[(table["against"] == "scratch") & table["speed_up"].notna()]
    table = table.reset_index(drop=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.2 + ROW * max(2, len(table))), layout="constrained")
        axes = figure.subplots()
        if len(table):
            for place, row in enumerate(table.to_dict("records")):
                _draw_row(axes, place, row)
            axes.set_yticks(range(len(table)), row_names(table))
            _set_scale(axes, len(table))
            inits = list(dict.fromkeys(table["init"]))
            figure.legend(handles=legend_handles(inits), loc="outside upper center", ncols=4)
        else:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no arm left chance level beside one from scratch", ha="center")
        save_figure(figure, svg, png)
    save_data(table.drop(columns="differences"), csv)


def _draw_row(axes: Axes, place: int, row: dict[str, Any]) -> None:
    colour = COLOURS[row["init"]]
    if not math.isnan(row["speed_up_low"]):
        axes.plot([row["speed_up_low"], row["speed_up_high"]], [place] * 2, color=colour)
    axes.plot(row["speed_up"], place, MARKERS[row["init"]], color=colour, markersize=5)
    axes.text(1.02, place, f"{row['reached']:.0f}, {row['reference_reached']:.0f} of {row['n']}",
              transform=axes.get_yaxis_transform(), va="center", fontsize=8)  # fmt: skip


def _set_scale(axes: Axes, rows: int) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="#777777", linestyle=":", linewidth=1.2, zorder=0)
    axes.set_ylim(rows - 0.5, -0.5)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.5), max(high, 2))
    axes.set_xlabel("examples to the target, random weights : this arm (right is faster)")
    axes.text(1.02, 1.01, "reached", transform=axes.transAxes, fontsize=8, va="bottom")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
