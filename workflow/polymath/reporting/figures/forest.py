"""Paired differences as a forest plot, with both uncertainties."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from polymath.evaluation.comparisons import HALFWAY
from polymath.reporting.figures import style

ROW, ARM = 0.3, 0.2  # inches: least height of a row, and height per initialisation in it
REFERENCES = {
    "scratch": "random weights",
    "in-domain": "an in-domain model",
    HALFWAY: "halfway from random weights to it",
}


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw the difference of every comparison: pairs of replicates, their mean, and the intervals
    of its test and over test items alone; one panel per kind of reference.
    """
    table = tables["comparisons"]
    names = style.row_names(table) if len(table) else pd.Series(dtype=str)
    in_domain = table["against"] != "scratch"
    table = table.assign(row=names.mask(in_domain, names + ": " + table["reference_model"]))
    kinds = list(dict.fromkeys(table["against"]))
    heights = [_height(table[table["against"] == kind]) for kind in kinds] or [1.0]
    figure = Figure(figsize=(style.WIDTH, 0.7 + sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for kind, axes in zip(kinds, panels, strict=False):
        _draw_panel(axes, table[table["against"] == kind])
        axes.set_xlabel(f"test score less that of {REFERENCES[kind]}")
    if kinds:
        style.add_legend(figure, table["init"], _keys(), ncols=3)
    else:
        style.write_note(panels[0], "no two conditions to compare")
    return figure, table.drop(columns=["row", "differences"])


def _height(table: pd.DataFrame) -> float:
    arms = table["init"].nunique()
    return 0.6 + max(ROW, ARM * arms) * table["row"].nunique()


def _draw_panel(axes: Axes, table: pd.DataFrame) -> None:
    rows, arms = list(dict.fromkeys(table["row"])), list(dict.fromkeys(table["init"]))
    for row in table.to_dict("records"):
        height = rows.index(row["row"]) + (arms.index(row["init"]) - (len(arms) - 1) / 2) * (
            0.7 / len(arms)
        )
        colour = style.colour_of(row["init"])
        if not math.isnan(row["items_low"]):
            axes.plot([row["items_low"], row["items_high"]], [height] * 2, color=colour,
                      linewidth=6, alpha=0.25, solid_capstyle="butt")  # fmt: skip
        if not math.isnan(row["low"]):
            axes.plot([row["low"], row["high"]], [height] * 2, color=colour, linewidth=1.2)
        axes.plot(row["differences"], [height] * len(row["differences"]), "|", color=colour,
                  markersize=7, alpha=0.8)  # fmt: skip
        axes.plot(
            row["difference"], height, style.marker_of(row["init"]), color=colour, markersize=5
        )
    axes.axvline(0, color="#777777", linestyle=":", linewidth=1.2, zorder=0)
    style.name_rows(axes, rows)


def _keys() -> list[Line2D | Patch]:
    return [
        Line2D([], [], color="#555555", linewidth=1.2, label="95 %, other seeds and items"),
        Patch(color="#555555", alpha=0.25, linewidth=0, label="95 %, other test items alone"),
        Line2D([], [], color="#555555", marker="|", linestyle="", label="a pair of replicates"),
    ]
