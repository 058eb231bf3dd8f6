"""Dev scores against the learning rate as a picture."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.lines import Line2D

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


def plot_rates(rates: Path, svg: Path, png: Path, csv: Path) -> None:
    """Draw mean final dev scores against the learning rate, a panel a task; rings are choices."""
    table = read_table(rates)
    table["row"] = row_names(table)
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(list(dict.fromkeys(table["row"])))
        for name, axes in panels.items():
            mine = table[table["row"] == name]
            for init, part in mine.groupby("init", sort=False):
                colour, marker = COLOURS[str(init)], MARKERS[str(init)]
                axes.errorbar(
                    part["learning_rate"], part["mean"],
                    yerr=[part["mean"] - part["low"], part["high"] - part["mean"]],
                    color=colour, marker=marker, markersize=4, linewidth=1.4, elinewidth=0.8,
                    capsize=2,
                )  # fmt: skip
                chosen = part[part["chosen"]]
                axes.plot(chosen["learning_rate"], chosen["mean"], "o", color=colour,
                          markerfacecolor="none", markersize=10)  # fmt: skip
            axes.set_xscale("log")
            shown = sorted(set(mine["learning_rate"]))
            axes.set_xticks(shown, [f"{rate:g}" for rate in shown])
            axes.minorticks_off()
            axes.set_xlabel("learning rate")
            axes.set_ylabel(f"dev {METRIC_NAMES[mine['metric'].iloc[0]]}")
        ring = Line2D([], [], color="#555555", marker="o", markerfacecolor="none", markersize=9,
                      linestyle="", label="chosen")  # fmt: skip
        inits = list(dict.fromkeys(table["init"]))
        figure.legend(handles=[*legend_handles(inits), ring], loc="outside upper center", ncols=4)
        save_figure(figure, svg, png)
    save_data(table.drop(columns="row"), csv)
