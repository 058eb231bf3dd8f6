"""How much sooner arms reach their target as a picture."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    WIDTH,
    legend_handles,
    row_names,
    save_data,
    save_figure,
)
from polymath.util.storage import read_table

ROW = 0.26  # inches


def plot_speed(convergence: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw which share of the budget each arm saves until the target: pairs, mean, interval.

    At the right, how many times fewer examples that is, with its interval, and how many replicates
    of the arm and of random weights reached the target at all.
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
    if not math.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [place] * 2, color=colour, linewidth=1.2)
    axes.plot(row["differences"], [place] * row["n"], "|", color=colour, markersize=7, alpha=0.8)
    axes.plot(row["saved"], place, MARKERS[row["init"]], color=colour, markersize=5)
    interval = (
        "" if math.isnan(row["speed_up_low"])
        else f" [{row['speed_up_low']:.2f}, {row['speed_up_high']:.2f}]"
    )  # fmt: skip
    reached = f"{row['reached']:.0f} : {row['reference_reached']:.0f} of {row['n']}"
    for x, text in ((1.02, f"{row['speed_up']:.2f}{interval}"), (1.32, reached)):
        axes.text(x, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def _set_scale(axes: Axes, rows: int) -> None:
    axes.axvline(0, color="#777777", linestyle=":", linewidth=1.2, zorder=0)
    axes.set_ylim(rows - 0.5, -0.5)
    # No run saves more than all or loses more: an interval that says so is cut off.
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -1.02), min(high, 1.02))
    axes.set_xlabel("share of the budget saved until the target")
    for x, text in ((1.02, "times faster"), (1.32, "reached")):
        axes.text(x, 1.01, text, transform=axes.transAxes, fontsize=8, va="bottom")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
