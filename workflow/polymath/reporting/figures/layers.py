"""Similarity of representations layer by layer: debiased CKA of every pair of layers.

Shown is the view of the states that the claims are judged by.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from polymath.experiment.representation_studies import JUDGED_CENTRING
from polymath.reporting.figures import style

# Those that the verdict needs come first.
MEASURES = {"cka": "CKA (debiased)", "rsa": "RSA", "pwcca": "PWCCA", "svcca": "SVCCA",
            "procrustes": "Procrustes"}  # fmt: skip
SHOWN = "cka"


def draw(tables: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw a heat map per pair of models and state."""
    table = tables["similarity"]
    table = table[(table["measure"] == SHOWN) & (table["centring"] == JUDGED_CENTRING)]
    models = name_models(table)
    names, states = list(dict.fromkeys(models)), list(dict.fromkeys(table["state"]))
    figure = Figure(figsize=(style.WIDTH, 0.5 + 1.9 * len(states)), layout="constrained")
    grid = figure.subplots(len(states), len(names), squeeze=False)
    for state, line in zip(states, grid, strict=True):
        for name, axes in zip(names, line, strict=True):
            of_panel = table[(table["state"] == state) & (models == name)]
            if of_panel.empty:
                axes.set_visible(False)
                continue
            image = _draw_map(axes, of_panel)
            axes.set_title(f"{name}\n{state}", fontsize=7, loc="left")
            axes.set_xlabel(_side(of_panel, "b"), fontsize=7)
            axes.set_ylabel(_side(of_panel, "a"), fontsize=7)
    figure.colorbar(image, ax=grid, shrink=0.8, label=MEASURES[SHOWN])
    return figure, table


def name_models(table: pd.DataFrame) -> pd.Series:
    """Name the two models of each row as figures show them."""
    second = table["model_b"].where(table["pair"].str.endswith("-domain"), "scratch")
    return table["pair"].str.split("-").str[0] + " and " + second


def _draw_map(axes: Axes, table: pd.DataFrame) -> AxesImage:
    values = table.pivot_table(index="layer_a", columns="layer_b", values="value")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    return axes.imshow(values, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")


def _side(table: pd.DataFrame, side: str) -> str:
    return f"layer of {table[f'model_{side}'].iloc[0]} ({table[f'init_{side}'].iloc[0]})"
