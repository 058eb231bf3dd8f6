"""Learning curves: dev scores against the training examples seen."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.reporting.figures import style
from polymath.reporting.matrix import METRIC_NAMES

DIVERGED = "X"


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw one panel per task, one line per replicate, and a band over the replicates."""
    table = tables["curves"]
    rows = style.row_names(table)
    figure, panels = style.panel_grid(rows)
    for name, axes in panels.items():
        of_panel = table[rows == name]
        for init, of_init in of_panel.groupby("init", sort=False):
            _draw_curve(axes, of_init, str(init))
        axes.set_ylabel(f"dev {METRIC_NAMES[of_panel['metric'].iloc[0]]}")
        axes.set_xlabel("training examples seen")
    keys = []
    if table["diverged"].any():
        keys.append(Line2D([], [], color="#555555", marker=DIVERGED, linestyle="",
                           label="diverged after this point"))  # fmt: skip
    style.add_legend(figure, table["init"], keys, ncols=4)
    return figure, table.drop(columns="seconds")


def _draw_curve(axes: Axes, table: pd.DataFrame, init: str) -> None:
    colour = style.colour_of(init)
    for _, replicate in table.groupby("replicate"):
        axes.plot(
            replicate["examples"], replicate["dev_score"], color=colour, linewidth=0.6, alpha=0.5
        )
        if replicate["diverged"].any():
            axes.plot(*replicate[["examples", "dev_score"]].iloc[-1], DIVERGED, color=colour)
    by_step = table.groupby("step")
    x, scores = by_step["examples"].mean(), by_step["dev_score"]
    axes.plot(
        x, scores.mean(), color=colour, linewidth=1.8, marker=style.marker_of(init), markersize=3.5
    )
    axes.fill_between(x, scores.min(), scores.max(), color=colour, alpha=0.15, linewidth=0)
