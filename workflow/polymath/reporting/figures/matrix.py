"""The matrix as a picture."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.reporting.figures.style import (
    COLOURS,
    MARKERS,
    METRIC_NAMES,
    STYLE,
    WIDTH,
    legend_handles,
    row_names,
    save_data,
    save_figure,
)
from polymath.util.storage import read_table

ROW, ARM = 0.55, 0.17  # inches: a row at least, and a row for each initialisation in it


def plot_matrix(matrix: Path, scores: list[Path], svg: Path, png: Path, csv: Path) -> None:
    """Draw the test score of every condition: replicates, mean, interval and chance.

    Initialisations share a row; a task's baselines have rows of their own below its others.
    """
    table = _by_task(read_table(matrix))
    points = pd.concat([read_table(path) for path in scores], ignore_index=True)
    points = points[(points["split"] == "test") & points["headline"]]
    rows = row_names(table)
    with mpl.rc_context(STYLE):
        inits = list(dict.fromkeys(table["init"]))
        arms = [init for init in inits if init != NONE]
        tall = 0.9 + max(ROW, ARM * len(arms)) * rows.nunique()
        figure = Figure(figsize=(WIDTH, tall), layout="constrained")
        axes = figure.subplots()
        order = {name: place for place, name in enumerate(dict.fromkeys(rows))}
        for row, name in zip(table.to_dict("records"), rows, strict=True):
            height = order[name] + _offset(arms, row["init"])
            _draw_condition(axes, row, points, height)
            axes.plot([row["chance"]] * 2, [order[name] - 0.35, order[name] + 0.35],
                      color="#777777", linestyle=":", linewidth=1.2, zorder=1)  # fmt: skip
        axes.set_yticks(list(order.values()), list(order))
        axes.set_ylim(len(order) - 0.5, -0.5)
        metrics = [METRIC_NAMES[name] for name in dict.fromkeys(table["metric"])]
        axes.set_xlabel("test " + " or ".join(metrics))
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlim(right=min(axes.get_xlim()[1], 1.02))  # no score is above 1
        constant = ", or a constant" if "spearman" in set(table["metric"]) else ""
        label = f"always the commonest class{constant}"
        chance = Line2D([], [], color="#777777", linestyle=":", label=label)
        handles = [*legend_handles(inits), chance]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        save_figure(figure, svg, png)
    save_data(points[[*CONDITION_COLUMNS, "replicate", "metric", "value", "chance"]], csv)


def _draw_condition(axes: Axes, row: dict[str, Any], points: pd.DataFrame, height: float) -> None:
    mine = points
    for name in CONDITION_COLUMNS:
        mine = mine[mine[name] == row[name]]
    colour = COLOURS[row["init"]]
    axes.plot(mine["value"], [height] * len(mine), "|", color=colour, markersize=9, alpha=0.7)
    axes.plot(row["mean"], height, MARKERS[row["init"]], color=colour, markersize=6, zorder=3)
    if not math.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.4)


def _by_task(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each task together, and otherwise in their order."""
    places = {task: place for place, task in enumerate(dict.fromkeys(table["task"]))}
    order = table["task"].map(places).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _offset(arms: list[str], init: str) -> float:
    """Return where in a row of height 1 an initialisation is drawn; a baseline is alone in its."""
    if init == NONE:
        return 0.0
    step = min(0.36, 0.72 / max(1, len(arms) - 1))
    return step * (arms.index(init) - (len(arms) - 1) / 2)
