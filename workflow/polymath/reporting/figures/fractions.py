"""Test scores against the fraction of the training data."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from polymath.experiment.conditions import NONE
from polymath.reporting.figures import style
from polymath.reporting.matrix import METRIC_NAMES


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw mean test scores against the fraction, one panel per task, with 95 % intervals."""
    table = tables["estimates"]
    table = table[table["init"] != NONE].reset_index(drop=True)
    rows = style.row_names(table.assign(fraction="1"))
    table["fraction"] = table["fraction"].astype(float)
    figure, panels = style.panel_grid(rows)
    for name, axes in panels.items():
        of_panel = table[rows == name].sort_values("fraction")
        for init, of_init in of_panel.groupby("init", sort=False):
            style.draw_error_bars(axes, of_init, "fraction", str(init))
        style.set_log_ticks(axes, of_panel["fraction"])
        axes.set_xlabel("share of the training data")
        axes.set_ylabel(f"test {METRIC_NAMES[of_panel['metric'].iloc[0]]}")
    style.add_legend(figure, table["init"], ncols=4)
    return figure, table
