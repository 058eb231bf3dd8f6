"""How much earlier than random weights each arm nears its own end, and reaches the same score."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polymath.reporting.figures import style
from polymath.reporting.tables import format_named

ROW = 0.26  # inches
COLUMNS = (6, 106)  # points from the axes to the two columns of text, however long the rows' names


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw each arm's lead in relative speed, as a share of the budget: pairs, mean, interval.

    On the right: how many times fewer examples it needs to the same score, with its interval, and
    how many replicates of the arm and of random weights reached that.
    """
    table = tables["convergence"]
    table = table[(table["against"] == "scratch") & table["lead"].notna()]
    table = table.reset_index(drop=True)
    figure = Figure(figsize=(style.WIDTH, 1.2 + ROW * max(2, len(table))), layout="constrained")
    axes = figure.subplots()
    if len(table):
        for place, row in enumerate(table.to_dict("records")):
            _draw_row(axes, place, row)
        rows = style.row_names(table)
        _set_scale(axes, list(rows.mask(rows.duplicated(keep=False), rows + ", " + table["init"])))
        style.add_legend(figure, table["init"], ncols=4)
    else:
        style.write_note(axes, "no arm left chance level beside one from scratch")
    return figure, table.drop(columns="differences")


def _draw_row(axes: Axes, place: int, row: dict[str, Any]) -> None:
    colour = style.colour_of(row["init"])
    if not math.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [place] * 2, color=colour, linewidth=1.2)
    axes.plot(row["differences"], [place] * row["n"], "|", color=colour, markersize=7, alpha=0.8)
    axes.plot(row["lead"], place, style.marker_of(row["init"]), color=colour, markersize=5)
    faster = format_named(row, "speed_up", ".2f")
    reached = f"{row['reached']:.0f} : {row['reference_reached']:.0f} of {row['n']}"
    for offset, text in zip(COLUMNS, (faster, reached), strict=True):
        axes.annotate(text, (1, place), (offset, 0), axes.get_yaxis_transform(),
                      "offset points", va="center", fontsize=8)  # fmt: skip


def _set_scale(axes: Axes, rows: list[str]) -> None:
    axes.axvline(0, color="#777777", linestyle=":", linewidth=1.2, zorder=0)
    # A run saves or loses at most the whole budget: wider intervals are cut off.
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -1.02), min(high, 1.02))
    axes.set_xlabel("lead at 90 % of the way to the own end, as a share of the budget")
    for offset, text in zip(COLUMNS, ("times faster", "reached"), strict=True):
        axes.annotate(text, (1, 1), (offset, 2), axes.transAxes, "offset points",
                      va="bottom", fontsize=8)  # fmt: skip
    style.name_rows(axes, rows)
