"""Parts of the variance as a picture."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.figures.style import STYLE, WIDTH, row_names, save_data, save_figure
from polymath.files import read_table

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
        if not rows:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "in every condition a replicate diverged", ha="center")
        for stream, part in table.groupby("stream", sort=False):
            _, colour, marker = STREAMS[str(stream)]
            axes.plot(part["deviation"], named[part.index].map(rows), marker, color=colour)
        axes.set_yticks(list(rows.values()), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("standard deviation of the test score")
        axes.grid(color="#dddddd", linewidth=0.6)
        handles = [
            Line2D([], [], color=STREAMS[stream][1], marker=STREAMS[stream][2], linestyle="",
                   label=STREAMS[stream][0])
            for stream in dict.fromkeys(table["stream"])
        ]  # fmt: skip
        if handles:
            figure.legend(handles=handles, loc="outside upper center", ncols=3)
        save_figure(figure, svg, png)
    save_data(table, csv)
