"""Parts of the variance as a picture."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.reporting.figures.style import STYLE, WIDTH, row_names, save_data, save_figure
from polymath.util.storage import read_table

ROW = 0.26  # inches
# Okabe and Ito's, as the initialisations' are.
STREAMS = {"init": ("initialisation", "#0072B2", "o"), "mapping": ("mapping", "#D55E00", "s"),
           "order": ("order of batches", "#009E73", "^"), "dropout": ("dropout", "#CC79A7", "v"),
           "subset": ("training subset", "#E69F00", "P"),
           "residual": ("all that they do together", "#000000", "x")}  # fmt: skip


def plot_variance(variance: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw the standard deviation that each stream of seeds alone gives a condition's score."""
    table = read_table(variance)
    with mpl.rc_context(STYLE):
        named = row_names(table) + ", " + table["init"] if len(table) else table["init"]
        rows = {name: place for place, name in enumerate(dict.fromkeys(named))}
        figure = Figure(figsize=(WIDTH, 1.2 + ROW * max(2, len(rows))), layout="constrained")
        axes = figure.subplots()
        if rows:
            _draw(axes, table.assign(place=named.map(rows)), list(rows))
            handles = [
                Line2D([], [], color=STREAMS[stream][1], marker=STREAMS[stream][2], linestyle="",
                       label=STREAMS[stream][0])
                for stream in dict.fromkeys(table["stream"])
            ]  # fmt: skip
            figure.legend(handles=handles, loc="outside upper center", ncols=3)
        else:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "in every condition a replicate diverged", ha="center")
        save_figure(figure, svg, png)
    save_data(table, csv)


def _draw(axes: Axes, table: pd.DataFrame, rows: list[str]) -> None:
    for stream, part in table.groupby("stream", sort=False):
        _, colour, marker = STREAMS[str(stream)]
        axes.plot(part["deviation"], part["place"], marker, color=colour)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("standard deviation of the test score")
    axes.grid(color="#dddddd", linewidth=0.6)
