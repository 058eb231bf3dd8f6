"""Tables in, pictures out: each figure as SVG and PNG, legible in print and colour-blind safe."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from polymath.conditions import NONE
from polymath.evaluate import CONDITION_COLUMNS
from polymath.files import read_json, read_metadata, read_table, whole_file

# Okabe and Ito's colours, told apart by all common forms of colour vision.
COLOURS = {"pretrained": "#0072B2", "scratch": "#D55E00", "re-emb": "#009E73",
           "embeddings-only": "#CC79A7", "shuffled": "#E69F00", NONE: "#000000"}  # fmt: skip
MARKERS = {"pretrained": "o", "scratch": "s", "re-emb": "^",
           "embeddings-only": "v", "shuffled": "P", NONE: "D"}  # fmt: skip
BASELINES = {"majority": "majority", "ngram": "n-grams"}
ROW, ARM = 0.55, 0.17  # inches: a row at least, and a row for each initialisation in it
DIVERGED = "X"
SPLIT_COLOURS = {"train": "#999999", "dev": "#56B4E9", "test": "#009E73"}
LENGTH_COLOUR = "#CC79A7"
METRIC_NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "mcc": "MCC", "f1": "F1",
                "spearman": "Spearman's ρ", "pearson": "Pearson's r"}  # fmt: skip
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # a class named «$5_a$» is no formula
    "svg.fonttype": "none",
    "svg.hashsalt": "polymath",  # the same table gives the same bytes
}
WIDTH = 7.0  # inches, a full text width


def save_figure(figure: Figure, svg: Path, png: Path) -> None:
    """Write a figure in both formats, without a date in either."""
    for path, options in ((svg, {"metadata": {"Date": None}}), (png, {"dpi": 200})):
        with whole_file(path) as temporary:
            figure.savefig(temporary, bbox_inches="tight", **options)


def plot_matrix(matrix: Path, scores: list[Path], svg: Path, png: Path) -> None:
    """Draw the test score of every condition: replicates, mean, interval and chance.

    Initialisations share a row; a task's baselines have rows of their own below its others.
    """
    table = _by_task(read_table(matrix))
    points = pd.concat([read_table(path) for path in scores], ignore_index=True)
    points = points[(points["split"] == "test") & points["headline"]]
    rows = _row_names(table)
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
        handles = [*_legend_handles(inits), chance]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        save_figure(figure, svg, png)


def _draw_condition(axes: Axes, row: dict[str, Any], points: pd.DataFrame, height: float) -> None:
    mine = points
    for name in CONDITION_COLUMNS:
        mine = mine[mine[name] == row[name]]
    colour = COLOURS[row["init"]]
    axes.plot(mine["value"], [height] * len(mine), "|", color=colour, markersize=9, alpha=0.7)
    axes.plot(row["mean"], height, MARKERS[row["init"]], color=colour, markersize=6, zorder=3)
    if not math.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.4)


def plot_curves(curves: list[Path], svg: Path, png: Path) -> None:
    """Draw dev scores against examples seen, a panel a task, a band over the replicates."""
    table = pd.concat([_read_curve(path) for path in curves], ignore_index=True)
    panels = list(dict.fromkeys(_row_names(table)))
    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.6 + 2.2 * lines), layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            mine = table[_row_names(table) == panel]
            for init, part in mine.groupby("init", sort=False):
                _draw_curve(axes, part, str(init))
            axes.set_title(panel, fontsize=9, loc="left")
            axes.set_ylabel(f"dev {METRIC_NAMES[mine['metric'].iloc[0]]}")
            axes.set_xlabel("training examples seen")
            axes.grid(color="#dddddd", linewidth=0.6)
        handles = _legend_handles(list(dict.fromkeys(table["init"])))
        if table["diverged"].any():
            label = "diverged after this point"
            handles.append(Line2D([], [], color="#555555", marker=DIVERGED, linestyle="",
                                  label=label))  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=4)
        save_figure(figure, svg, png)


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


def _row_names(table: pd.DataFrame) -> pd.Series:
    """Name what is compared: the task, and those other columns that vary among what is trained;
    a baseline is named by itself.
    """
    simple = table["init"] == NONE
    counts = table[~simple].groupby("task")[[*CONDITION_COLUMNS]].nunique().max()
    varying = [name for name in CONDITION_COLUMNS[1:] if name != "init" and counts[name] > 1]
    named = table[["task", *varying]].copy()
    if "fraction" in varying:
        named["fraction"] = "fraction " + named["fraction"]
    names = named.agg(", ".join, axis=1)
    shown = ["task", "fraction"] if "fraction" in varying else ["task"]
    of_baselines = named[shown].assign(model=table["model"].replace(BASELINES))
    return names.mask(simple, of_baselines.agg(", ".join, axis=1))


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


def _legend_handles(inits: list[str]) -> list[Line2D]:
    return [
        Line2D([], [], color=COLOURS[init], marker=MARKERS[init],
               label="baseline" if init == NONE else init)
        for init in inits
    ]  # fmt: skip


def plot_card(card: Path, svg: Path, png: Path) -> None:
    """Draw a data card: rows for each label and split, lengths, what was left out."""
    data = read_json(card)
    with mpl.rc_context(STYLE):
        height = max(2.9, 1.3 + 0.16 * len(data.get("labels_by_split", {})))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        _draw_labels(left, data)
        counts, edges = (data["length"]["histogram"][key] for key in ("counts", "edges"))
        right.stairs(counts, edges, fill=True, color=LENGTH_COLOUR)
        right.set_xlabel(f"length ({data['length']['unit']})")
        right.set_ylabel("records")
        rejected = sum(one["count"] for one in data["rejected"])
        figure.suptitle(
            f"{data['title'] or data['task']}\n{data['rows']:,} records, "
            f"{data['duplicates']['surplus_rows_kept']:,} of them repeat another; "
            f"{rejected:,} left out",
            fontsize=9,
        )
        save_figure(figure, svg, png)


def _draw_labels(axes: Axes, data: dict[str, Any]) -> None:
    by_label = data.get("labels_by_split") or {"all": data["splits"]}
    labels = list(by_label)
    start = [0] * len(labels)
    for split, colour in SPLIT_COLOURS.items():
        counts = [by_label[label][split] for label in labels]
        axes.barh(labels, counts, left=start, color=colour, label=split)
        start = [a + b for a, b in zip(start, counts, strict=True)]
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("records")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
