"""Similarity of representations as pictures: layer by layer, and along the depth."""

import math
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from polymath.reporting.figures.style import STYLE, WIDTH, save_figure
from polymath.util.storage import read_table, whole_file

COLOURS = {"text-domain": "#0072B2", "scratch-domain": "#D55E00",
           "text-scratch": "#009E73", "scratch-scratch": "#555555"}  # fmt: skip
MARKERS = {"text-domain": "o", "scratch-domain": "s", "text-scratch": "^", "scratch-scratch": "x"}
# Two random models are the floor: drawn apart, as what the others are read against.
DASHES = {"scratch-scratch": (0, (3, 2))}
MEASURES = {"cka": "CKA (debiased)", "pwcca": "PWCCA", "svcca": "SVCCA",
            "procrustes": "Procrustes", "rsa": "RSA"}  # fmt: skip
SHOWN = "cka"
JUDGED = ("low", "high", "null_high", "p")


def plot_layers(similarity: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw debiased CKA of every pair of layers, a heat map a pair of models and state."""
    table = _named(read_table(similarity))
    table = table[table["measure"] == SHOWN]
    names, states = (list(dict.fromkeys(table[key])) for key in ("name", "state"))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.5 + 1.9 * len(states)), layout="constrained")
        grid = figure.subplots(len(states), len(names), squeeze=False)
        for state, line in zip(states, grid, strict=True):
            for name, axes in zip(names, line, strict=True):
                mine = table[(table["state"] == state) & (table["name"] == name)]
                if mine.empty:
                    axes.set_visible(False)
                    continue
                image = _draw_map(axes, mine)
                axes.set_title(f"{name}\n{state}", fontsize=7, loc="left")
                axes.set_xlabel(_side(mine, "b"), fontsize=7)
                axes.set_ylabel(_side(mine, "a"), fontsize=7)
        figure.colorbar(image, ax=grid, shrink=0.8, label=MEASURES[SHOWN])
        save_figure(figure, svg, png)
    _write_csv(table, csv)


def plot_depth(similarity: Path, heads: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw each measure at equal depth with its interval, and how far matched heads are apart."""
    table = _named(read_table(similarity)).dropna(subset=["low"])
    distances = _head_means(_named(read_table(heads)))
    states = list(dict.fromkeys(table["state"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.6 + 3.6 * len(states)), layout="constrained")
        grid = figure.subplots(2 * len(states), 3, squeeze=False).reshape(len(states), 6)
        for state, panels in zip(states, grid, strict=True):
            mine = table[table["state"] == state]
            for (measure, title), axes in zip(MEASURES.items(), panels, strict=False):
                _draw_depth(axes, mine[mine["measure"] == measure])
                axes.set_title(f"{title}, {state}", fontsize=8, loc="left")
            _draw_depth(panels[5], distances[distances["state"] == state])
            panels[5].set_title(f"distance of heads, {state}", fontsize=8, loc="left")
            for axes in panels:
                axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
                axes.grid(color="#dddddd", linewidth=0.6)
        for axes in grid[-1][3:]:
            axes.set_xlabel("layer of the first model")
        figure.legend(handles=_handles(table), loc="outside upper center", ncols=3, fontsize=8)
        save_figure(figure, svg, png)
    _write_csv(pd.concat([table, distances], ignore_index=True), csv)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Add the name of each pair of models as it is shown."""
    other = table["model_b"].where(table["pair"].str.endswith("-domain"), "scratch")
    first = table["pair"].str.split("-").str[0]
    return table.assign(name=first + " and " + other)


def _draw_map(axes: Axes, table: pd.DataFrame) -> AxesImage:
    values = table.pivot_table(index="layer_a", columns="layer_b", values="value")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    return axes.imshow(values, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")


def _side(table: pd.DataFrame, side: str) -> str:
    return f"layer of {table[f'model_{side}'].iloc[0]} ({table[f'init_{side}'].iloc[0]})"


def _draw_depth(axes: Axes, table: pd.DataFrame) -> None:
    for (pair, _, _), part in table.groupby(["pair", "name", "replicate_a"], sort=False):
        colour, mark = COLOURS[pair], MARKERS[pair]
        axes.plot(part["layer_a"], part["value"], color=colour, marker=mark, markersize=3.5,
                  linewidth=1.2, linestyle=DASHES.get(pair, "-"))  # fmt: skip
        axes.fill_between(
            part["layer_a"], part["low"], part["high"], color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(part["layer_a"], part["null_high"], color=colour, linewidth=0.8, linestyle=":")


def _head_means(heads: pd.DataFrame) -> pd.DataFrame:
    """Return the mean distance of the matched heads of each layer."""
    keys = [name for name in heads if name not in ("head_a", "head_b", "distance")]
    means = heads.groupby(keys, sort=False)["distance"].mean().rename("value").reset_index()
    return means.assign(measure="head distance", **dict.fromkeys(JUDGED, math.nan))


def _handles(table: pd.DataFrame) -> list[Line2D]:
    shown = table.drop_duplicates("name")
    handles = [
        Line2D([], [], color=COLOURS[pair], marker=MARKERS[pair], markersize=4, label=name,
               linestyle=DASHES.get(pair, "-"))
        for pair, name in zip(shown["pair"], shown["name"], strict=True)
    ]  # fmt: skip
    null = Line2D([], [], color="#555555", linestyle=":", label="95 % of permutations")
    return [*handles, null]


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with whole_file(path) as temporary:
        table.drop(columns="name").to_csv(temporary, index=False)
