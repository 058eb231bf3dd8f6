"""Dev scores against the learning rate."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.reporting.figures import style
from polymath.reporting.matrix import METRIC_NAMES


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw mean final dev scores against the learning rate, one panel per task; a ring marks the
    chosen rate.
    """
    table = tables["rates"]
    rows = style.row_names(table)
    figure, panels = style.panel_grid(rows)
    for name, axes in panels.items():
        of_panel = table[rows == name]
        for init, of_init in of_panel.groupby("init", sort=False):
            style.draw_error_bars(axes, of_init, "learning_rate", str(init))
            chosen = of_init[of_init["chosen"]]
            axes.plot(chosen["learning_rate"], chosen["mean"], "o", markerfacecolor="none",
                      markersize=10, color=style.colour_of(str(init)))  # fmt: skip
        style.set_log_ticks(axes, of_panel["learning_rate"])
        axes.set_xlabel("learning rate")
        axes.set_ylabel(f"dev {METRIC_NAMES[of_panel['metric'].iloc[0]]}")
    ring = Line2D([], [], color="#555555", marker="o", markerfacecolor="none", markersize=9,
                  linestyle="", label="chosen")  # fmt: skip
    style.add_legend(figure, table["init"], [ring], ncols=4)
    return figure, table
