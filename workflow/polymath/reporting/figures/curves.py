"""Learning curves as a picture."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.reporting.figures.style import (
    COLOURS,
    MARKERS,
    METRIC_NAMES,
    STYLE,
    legend_handles,
    panel_grid,
    row_names,
    save_data,
    save_figure,
)
from polymath.util.storage import read_metadata, read_table

DIVERGED = "X"


def plot_curves(curves: list[Path], svg: Path, png: Path, csv: Path) -> None:
    """Draw dev scores against examples seen, a panel a task, a band over the replicates."""
    table = pd.concat([_read_curve(path) for path in curves], ignore_index=True)
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(list(dict.fromkeys(row_names(table))))
        for panel, axes in panels.items():
            mine = table[row_names(table) == panel]
            for init, part in mine.groupby("init", sort=False):
                _draw_curve(axes, part, str(init))
            axes.set_ylabel(f"dev {METRIC_NAMES[mine['metric'].iloc[0]]}")
            axes.set_xlabel("training examples seen")
        handles = legend_handles(list(dict.fromkeys(table["init"])))
        if table["diverged"].any():
            label = "diverged after this point"
            handles.append(Line2D([], [], color="#555555", marker=DIVERGED, linestyle="",
                                  label=label))  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=4)
        save_figure(figure, svg, png)
    save_data(table.drop(columns="seconds"), csv)


def _draw_curve(axes: Axes, part: pd.DataFrame, init: str) -> None:
    colour = COLOURS[init]
    for _, run in part.groupby("replicate"):
        axes.plot(run["examples"], run["dev_score"], color=colour, linewidth=0.6, alpha=0.5)
        if run["diverged"].any():
            axes.plot(*run[["examples", "dev_score"]].iloc[-1], DIVERGED, color=colour)
    by_step = part.groupby("step")
    x, scores = by_step["examples"].mean(), by_step["dev_score"]
    axes.plot(x, scores.mean(), color=colour, linewidth=1.8, marker=MARKERS[init], markersize=3.5)
    axes.fill_between(x, scores.min(), scores.max(), color=colour, alpha=0.15, linewidth=0)


def _read_curve(path: Path) -> pd.DataFrame:
    metadata = read_metadata(path)
    names = (*CONDITION_COLUMNS, "metric")
    table = read_table(path).assign(**{name: metadata[name] for name in names})
    return table.assign(diverged=table["replicate"].astype(str).isin(metadata["diverged"]))
