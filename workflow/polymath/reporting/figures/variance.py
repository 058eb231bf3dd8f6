"""Variance components: the standard deviation due to each seed stream."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.reporting.figures import style

ROW = 0.26  # inches
# Okabe and Ito's colours, as those of the initialisations are.
STREAMS = {"init": ("initialisation", "#0072B2", "o"), "mapping": ("mapping", "#D55E00", "s"),
           "order": ("order of batches", "#009E73", "^"), "dropout": ("dropout", "#CC79A7", "v"),
           "subset": ("training subset", "#E69F00", "P"),
           "residual": ("all that they do together", "#000000", "x")}  # fmt: skip


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw the standard deviation of a condition's score that each seed stream alone causes."""
    table = tables["variance"]
    rows = style.row_names(table) + ", " + table["init"] if len(table) else table["init"]
    order = list(dict.fromkeys(rows))
    figure = Figure(figsize=(style.WIDTH, 1.2 + ROW * max(2, len(order))), layout="constrained")
    axes = figure.subplots()
    if order:
        _draw(axes, table.assign(place=rows.map(order.index)), order)
        handles = [
            Line2D([], [], color=STREAMS[stream][1], marker=STREAMS[stream][2], linestyle="",
                   label=STREAMS[stream][0])
            for stream in dict.fromkeys(table["stream"])
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
    else:
        style.write_note(axes, "in every condition a replicate diverged")
    return figure, table


def _draw(axes: Axes, table: pd.DataFrame, rows: list[str]) -> None:
    for stream, of_stream in table.groupby("stream", sort=False):
        _, colour, marker = STREAMS[str(stream)]
        axes.plot(of_stream["deviation"], of_stream["place"], marker, color=colour)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("standard deviation of the test score")
    axes.grid(color="#dddddd", linewidth=0.6)
