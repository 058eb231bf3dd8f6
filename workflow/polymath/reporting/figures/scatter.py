"""Predicted against true values of test items."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from polymath.reporting.figures import style


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw one panel per task, a point per item, and the line of perfect predictions."""
    table = tables["values"]
    if table.empty:
        figure, panels = style.panel_grid(["values"])
        style.write_note(panels["values"], "no replicate finished")
        return figure, table
    figure, panels = style.panel_grid(table["task"])
    for task, axes in panels.items():
        of_task = table[table["task"] == task]
        arm = of_task["arm"].iloc[0]
        colour = style.COLOURS.get(arm, "#000000")
        axes.plot(of_task["true"], of_task["predicted"], ".", color=colour, alpha=0.5, markersize=3)
        ends = [of_task["true"].min(), of_task["true"].max()]
        axes.plot(ends, ends, color="#555555", linewidth=0.8, linestyle=":")
        axes.set_xlabel("true value")
        axes.set_ylabel(f"predicted value ({arm})")
    return figure, table
