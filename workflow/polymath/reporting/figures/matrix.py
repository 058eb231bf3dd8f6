"""The matrix: the test scores of every condition on one axis."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.conditions import NONE
from polymath.reporting.figures import style
from polymath.reporting.matrix import METRIC_NAMES, in_task_order, name_constant

STAR: dict[str, Any] = {"marker": "*", "markersize": 6, "markerfacecolor": "none"}
GREY = "#777777"
ROW, ARM = 0.55, 0.17  # inches: least height of a row, and height per initialisation in it


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw the test score of every condition: replicates, mean, interval and chance.

    Initialisations share a row; the baselines of a task have rows of their own below it.
    """
    table = in_task_order(tables["matrix"], tables["matrix"]["task"]).reset_index(drop=True)
    scores = tables["scores"]
    scores = scores[(scores["split"] == "test") & scores["headline"]]
    rows = style.row_names(table)
    arms = {name: [*dict.fromkeys(of_row)] for name, of_row in table["init"].groupby(rows)}
    tall = 0.9 + max(ROW, ARM * max(map(len, arms.values()))) * rows.nunique()
    figure = Figure(figsize=(style.WIDTH, tall), layout="constrained")
    axes = figure.subplots()
    order = list(dict.fromkeys(rows))
    for condition, name in zip(table.to_dict("records"), rows, strict=True):
        place = order.index(name)
        _draw_condition(axes, condition, scores, place + _offset(arms[name], condition["init"]))
        axes.plot([condition["chance"]] * 2, [place - 0.35, place + 0.35],
                  color=GREY, linestyle=":", linewidth=1.2, zorder=1)  # fmt: skip
    published = _mark_published(axes, table, rows, tables["published"])
    style.name_rows(axes, order)
    metrics = [METRIC_NAMES[name] for name in dict.fromkeys(table["metric"])]
    axes.set_xlabel("test " + " or ".join(metrics))
    axes.set_xlim(right=min(axes.get_xlim()[1], 1.02))  # no score is above 1
    constants = dict.fromkeys(map(name_constant, table["metric"]))
    chance = Line2D([], [], color=GREY, linestyle=":", label=" or ".join(constants))
    star = Line2D([], [], color=GREY, linestyle="", **STAR, label="published, other models")
    style.add_legend(figure, table["init"], [chance, *([] if published.empty else [star])], ncols=3)
    columns = [*CONDITION_COLUMNS, "replicate", "metric", "value", "chance"]
    return figure, pd.concat([scores[columns], published])


def _draw_condition(
    axes: Axes, condition: dict[str, Any], scores: pd.DataFrame, height: float
) -> None:
    for name in CONDITION_COLUMNS:
        scores = scores[scores[name] == condition[name]]
    colour = style.colour_of(condition["init"])
    axes.plot(scores["value"], [height] * len(scores), "|", color=colour, markersize=9, alpha=0.7)
    axes.plot(
        condition["mean"],
        height,
        style.marker_of(condition["init"]),
        color=colour,
        markersize=6,
        zorder=3,
    )
    if not math.isnan(condition["low"]):
        bounds = [condition["low"], condition["high"]]
        axes.plot(bounds, [height, height], color=colour, linewidth=1.4)


def _mark_published(
    axes: Axes, table: pd.DataFrame, rows: pd.Series, published: pd.DataFrame
) -> pd.DataFrame:
    """Mark the published scores of a task on its first row; return them as the data has them."""
    first = table.assign(row=rows).drop_duplicates("task")
    here = first.merge(published, on=["task", "metric"])
    arms = set(table["init"])
    order = list(dict.fromkeys(rows))
    for start, scores in here.groupby("start", sort=False):
        places = [order.index(row) - 0.42 for row in scores["row"]]
        colour = style.COLOURS.get(start, GREY) if start in arms else GREY  # as the legend has them
        axes.plot(scores["score"], places, linestyle="", color=colour, **STAR)
    return pd.DataFrame(
        {
            "task": here["task"],
            "model": "published: " + here["model_y"] + ", " + here["source"],
            "init": here["start"],
            "metric": here["metric"],
            "value": here["score"],
        }
    )


def _offset(arms: list[str], init: str) -> float:
    """Return where in a row of height 1 an initialisation is drawn; baselines are centred."""
    if init == NONE:
        return 0.0
    step = min(0.36, 0.72 / max(1, len(arms) - 1))
    return step * (arms.index(init) - (len(arms) - 1) / 2)
