"""Effective data transferred: how many times the training data pre-training is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from polymath.evaluation.effective_data import NO_BOUND
from polymath.reporting.figures import style

LIMIT: Any = {"color": "#767676", "linestyle": ":", "linewidth": 1.0}


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw the multiplier against the fraction, one panel per task, with 95 % intervals.

    Hollow marks are bounds. The dotted lines are the least and the most that can be measured.
    """
    table = tables["effective_data"].reset_index(drop=True)
    measured = table[table["bound"] != NO_BOUND]
    if measured.empty:
        figure = Figure(figsize=(style.WIDTH, 2.0), layout="constrained")
        reason = "is above chance" if len(table) else "has random weights on several fractions"
        style.write_note(figure.subplots(), f"no arm {reason}")
        return figure, table
    rows = style.row_names(measured.assign(fraction="1"))
    measured = measured.assign(fraction=measured["fraction"].astype(float))
    figure, panels = style.panel_grid(rows)
    for name, axes in panels.items():
        _draw(axes, measured[rows == name].sort_values("fraction"))
    keys = [
        Line2D([], [], color="#000000", marker="o", linestyle="", markerfacecolor="white",
               label="at least, or at most"),
        Line2D([], [], **LIMIT, label="what can be measured"),
    ]  # fmt: skip
    style.add_legend(figure, measured["init"], keys, ncols=4)
    return figure, table


def _draw(axes: Axes, table: pd.DataFrame) -> None:
    limits = table.drop_duplicates("fraction")
    for end in ("lowest", "highest"):
        axes.plot(limits["fraction"], limits[end], **LIMIT)
    axes.axhline(1, color="#000000", linewidth=0.8)
    for init, of_init in table.groupby("init", sort=False):
        colour, marker = style.colour_of(str(init)), style.marker_of(str(init))
        low = np.maximum(of_init["multiplier_low"], of_init["lowest"])
        high = np.minimum(of_init["multiplier_high"], of_init["highest"])
        values = of_init["multiplier"]
        spans = [(values - low).clip(lower=0), (high - values).clip(lower=0)]
        axes.errorbar(of_init["fraction"], values, yerr=spans, color=colour, linewidth=1.4,
                      elinewidth=0.8, capsize=2)  # fmt: skip
        for is_bound, points in of_init.groupby(of_init["bound"] != ""):
            axes.plot(points["fraction"], points["multiplier"], marker, color=colour, markersize=5,
                      markerfacecolor="white" if is_bound else colour)  # fmt: skip
    style.set_log_ticks(axes, table["fraction"])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("share of the training data")
    axes.set_ylabel("worth so many times the data")
