"""Pictures of similarity, and the tables beside them."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from polymath.analysis.representations.layers import matching_layers
from polymath.evaluation.tables import HEADS_SCHEMA, SIMILARITY_SCHEMA
from polymath.reporting.figures import similarity
from polymath.reporting.figures.similarity import MEASURES, plot_depth, plot_layers
from polymath.util.storage import write_table

SIDES = {
    "text-domain": ("mini", "pretrained", 0, "anti", "pretrained", 0),
    "scratch-domain": ("mini", "scratch", 0, "anti", "pretrained", 0),
    "text-scratch": ("mini", "pretrained", 0, "mini", "scratch", 0),
    "scratch-scratch": ("mini", "scratch", 0, "mini", "scratch", 1),
}
KEYS = ("model_a", "init_a", "replicate_a", "model_b", "init_b", "replicate_b")


def write_tables(folder: Path, states: tuple[str, ...] = ("initial",)) -> tuple[Path, Path]:
    rows, heads = [], []
    for (pair, side), state in product(SIDES.items(), states):
        same = {"task": "amp", "mapping": "random", "pair": pair, "state": state,
                **dict(zip(KEYS, side, strict=True)), "tokens": 20000}  # fmt: skip
        deep = 5 if side[3] == "anti" else 4
        matched = matching_layers(4, deep)
        for i, j, measure in product(range(4), range(deep), MEASURES):
            value = 0.9 * np.exp(-abs(i / 3 - j / (deep - 1))) * (0.5 if "scratch" in pair else 1)
            judged = (
                {"low": value - 0.05, "high": value + 0.05, "null_high": 0.1, "p": 0.05}
                if (i, j) in matched
                else {}
            )
            rows.append(
                {**same, "layer_a": i, "layer_b": j, "measure": measure, "value": value, **judged}
            )
        heads += [
            {
                **same,
                "layer_a": i,
                "layer_b": i,
                "head_a": h,
                "head_b": h,
                "distance": 0.2 + 0.1 * h,
            }
            for i, h in product(range(1, 4), range(2))
        ]
    paths = folder / "similarity.parquet", folder / "heads.parquet"
    for table, path, schema in zip(
        (rows, heads), paths, (SIMILARITY_SCHEMA, HEADS_SCHEMA), strict=True
    ):
        write_table(pd.DataFrame(table), path, schema, {})
    return paths


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, as objects."""
    saved: list[Figure] = []

    def keep(figure: Figure, svg: Path, png: Path) -> None:
        saved.append(figure)
        figure.savefig(png)
        figure.savefig(svg)

    monkeypatch.setattr(similarity, "save_figure", keep)
    return saved


def outputs(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "a.svg", folder / "a.png", folder / "a.csv"


def test_a_heat_map_for_each_pair_and_state_holds_the_tables_values(
    tmp_path: Path, figures: list[Figure]
) -> None:
    table, _ = write_tables(tmp_path, ("initial", "fine-tuned"))
    plot_layers(table, *outputs(tmp_path))
    maps = [axes for axes in figures[0].axes if axes.images]
    assert [axes.get_title(loc="left") for axes in maps] == [
        f"{name}\n{state}"
        for state in ("initial", "fine-tuned")
        for name in ("text and anti", "scratch and anti", "text and scratch", "scratch and scratch")
    ]
    whole = pd.read_parquet(table)
    drawn = maps[0].images[0].get_array()
    assert drawn is not None
    assert drawn.shape == (4, 5)
    chosen = whole[(whole["pair"] == "text-domain") & (whole["state"] == "initial")]
    values = chosen[chosen["measure"] == "cka"].set_index(["layer_a", "layer_b"])["value"]
    assert drawn[3, 1] == pytest.approx(values[3, 1])
    beside = pd.read_csv(tmp_path / "a.csv")
    assert len(beside) == 2 * 2 * (4 * 5 + 4 * 4)


def test_depth_shows_every_measure_with_its_interval_and_the_heads(
    tmp_path: Path, figures: list[Figure]
) -> None:
    plot_depth(*write_tables(tmp_path), *outputs(tmp_path))
    panels = figures[0].axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        *(f"{title}, initial" for title in MEASURES.values()), "distance of heads, initial",
    ]  # fmt: skip
    floor = panels[0].lines[-2]
    assert floor.get_linestyle() == "--"
    assert floor.get_ydata() == pytest.approx(np.full(4, 0.45))
    assert len(panels[0].collections) == 4
    assert panels[5].lines[0].get_ydata() == pytest.approx(np.full(3, 0.25))
    beside = pd.read_csv(tmp_path / "a.csv")
    assert len(beside) == 4 * 4 * 5 + 4 * 3
    assert beside[beside["measure"] != "head distance"]["low"].notna().all()
