"""Similarity of representations along the depth, and the distance of matched heads."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.reporting.figures import style
from polymath.reporting.figures.layers import MEASURES, name_models

COLOURS = {"text-domain": "#0072B2", "scratch-domain": "#D55E00",
           "text-scratch": "#009E73", "scratch-scratch": "#555555"}  # fmt: skip
MARKERS = {"text-domain": "o", "scratch-domain": "s", "text-scratch": "^", "scratch-scratch": "x"}
DASHES = {"scratch-scratch": (0, (3, 2))}  # two random models: the level without learning
JUDGED = ("low", "high", "null_high", "p")


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw each measure at equal depth with its interval, and how far matched heads are apart."""
    table = tables["similarity"].dropna(subset=["low"])
    distances = _mean_distances(tables["heads"])
    states = list(dict.fromkeys(table["state"]))
    figure = Figure(figsize=(style.WIDTH, 0.6 + 3.6 * len(states)), layout="constrained")
    grid = figure.subplots(2 * len(states), 3, squeeze=False).reshape(len(states), 6)
    for state, panels in zip(states, grid, strict=True):
        of_state = table[table["state"] == state]
        for (measure, title), axes in zip(MEASURES.items(), panels, strict=False):
            _draw_panel(axes, of_state[of_state["measure"] == measure])
            axes.set_title(f"{title}, {state}", fontsize=8, loc="left")
        _draw_panel(panels[5], distances[distances["state"] == state])
        panels[5].set_title(f"distance of heads, {state}", fontsize=8, loc="left")
        for axes in panels:
            axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
            axes.grid(color="#dddddd", linewidth=0.6)
    for axes in grid[-1][3:]:
        axes.set_xlabel("layer of the first model")
    figure.legend(handles=_keys(table), loc="outside upper center", ncols=3, fontsize=8)
    return figure, pd.concat([table, distances], ignore_index=True)


def _draw_panel(axes: Axes, table: pd.DataFrame) -> None:
    lines = table.groupby([table["pair"], name_models(table), "replicate_a"], sort=False)
    for (pair, _, _), line in lines:
        colour, mark = COLOURS[pair], MARKERS[pair]
        axes.plot(line["layer_a"], line["value"], color=colour, marker=mark, markersize=3.5,
                  linewidth=1.2, linestyle=DASHES.get(pair, "-"))  # fmt: skip
        axes.fill_between(
            line["layer_a"], line["low"], line["high"], color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(line["layer_a"], line["null_high"], color=colour, linewidth=0.8, linestyle=":")


def _mean_distances(heads: pd.DataFrame) -> pd.DataFrame:
    """Return the mean distance of the matched heads of each layer, in the similarity's columns."""
    keys = [name for name in heads if name not in ("head_a", "head_b", "distance")]
    means = heads.groupby(keys, sort=False)["distance"].mean().rename("value").reset_index()
    return means.assign(measure="head distance", **dict.fromkeys(JUDGED, math.nan))


def _keys(table: pd.DataFrame) -> list[Line2D]:
    shown = table.assign(name=name_models(table)).drop_duplicates("name")
    keys = [
        Line2D([], [], color=COLOURS[pair], marker=MARKERS[pair], markersize=4, label=name,
               linestyle=DASHES.get(pair, "-"))
        for pair, name in zip(shown["pair"], shown["name"], strict=True)
    ]  # fmt: skip
    null = Line2D([], [], color="#555555", linestyle=":", label="95 % of the null")
    return [*keys, null]
