"""How trainable models are before training: one panel per probe."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from polymath.reporting.figures import style

# Titles of the panels; resources/docs/probes.md describes each probe.
NAMES = {
    "gradient_cosine_mean": "cosine of gradients, mean",
    "gradient_cosine_min": "cosine of gradients, smallest",
    "jacobian_largest": "Jacobian, largest singular value",
    "jacobian_median": "Jacobian, median singular value",
    "norm_gain_mean": "gain of norms, mean",
    "norm_gain_deviation": "gain of norms, deviation",
    "noise_rise": "rise of loss by noise",
    "ascent_rise": "rise of loss along the gradient",
    "top_eigenvalue": "Hessian, largest eigenvalue",
    "top_eigenvalue_residual": "its residual, 0 if converged",
}
# Sizes that may lie orders of magnitude apart.
ON_LOG_SCALE = ("jacobian_largest", "jacobian_median")
COLUMNS = 2


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw a row per task and model, a mark per initialisation at the mean of its replicates, and a
    tick per replicate.
    """
    table = tables["probes"]
    mappings = table["mapping"].groupby([table["task"], table["model"]]).nunique()
    row = table["task"] + ", " + table["model"]
    if mappings.max() > 1:
        row += ", " + table["mapping"]
    rows, inits = list(dict.fromkeys(row)), list(dict.fromkeys(table["init"]))
    lines = math.ceil(len(NAMES) / COLUMNS)
    tall = 0.7 + lines * (0.65 + max(0.3, 0.14 * len(inits)) * len(rows))
    figure = Figure(figsize=(style.WIDTH, tall), layout="constrained")
    grid = figure.subplots(lines, COLUMNS, sharey=True, squeeze=False)
    for (probe, title), axes in zip(NAMES.items(), grid.flat, strict=True):
        if probe in ON_LOG_SCALE:
            _set_log_scale(axes)
        _draw_probe(axes, table.assign(row=row)[table["probe"] == probe], rows, inits)
        axes.set_title(title, fontsize=8, loc="left")
    grid[0, 0].set_yticks(range(len(rows)), rows)
    grid[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    style.add_legend(figure, table["init"], ncols=4)
    return figure, table


def _set_log_scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # plain: no formulas in figures
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_probe(axes: Axes, table: pd.DataFrame, rows: list[str], inits: list[str]) -> None:
    for (row, init), values in table.groupby(["row", "init"], sort=False)["value"]:
        height = rows.index(row) + (inits.index(init) - (len(inits) - 1) / 2) * 0.7 / len(inits)
        colour = style.colour_of(init)
        axes.plot(values, [height] * len(values), "|", color=colour, markersize=7, alpha=0.8)
        axes.plot(values.mean(), height, style.marker_of(init), color=colour, markersize=5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
