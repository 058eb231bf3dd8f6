"""Scores against the share of the training data as a picture."""

from pathlib import Path

import matplotlib as mpl

from polymath.experiment.conditions import NONE
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
from polymath.util.storage import read_table


def plot_fractions(estimates: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw mean test scores against the fraction, a panel a task, with 95 % intervals."""
    table = read_table(estimates)
    table = table[table["init"] != NONE].reset_index(drop=True)
    table["row"] = row_names(table.assign(fraction="1"))
    table["fraction"] = table["fraction"].astype(float)
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(list(dict.fromkeys(table["row"])))
        for name, axes in panels.items():
            mine = table[table["row"] == name].sort_values("fraction")
            for init, part in mine.groupby("init", sort=False):
                axes.errorbar(
                    part["fraction"], part["mean"],
                    yerr=[part["mean"] - part["low"], part["high"] - part["mean"]],
                    color=COLOURS[str(init)], marker=MARKERS[str(init)], markersize=4,
                    linewidth=1.4, elinewidth=0.8, capsize=2,
                )  # fmt: skip
            axes.set_xscale("log")
            shown = sorted(set(mine["fraction"]))
            axes.set_xticks(shown, [f"{fraction:g}" for fraction in shown])
            axes.minorticks_off()
            axes.set_xlabel("share of the training data")
            axes.set_ylabel(f"test {METRIC_NAMES[mine['metric'].iloc[0]]}")
        inits = list(dict.fromkeys(table["init"]))
        figure.legend(handles=legend_handles(inits), loc="outside upper center", ncols=4)
        save_figure(figure, svg, png)
    save_data(table.drop(columns="row"), csv)
