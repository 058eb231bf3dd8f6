"""Figures from small tables: both formats, the same bytes, and what they show."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.initialisations import INITIALISATIONS
from polymath.reporting.figures.draw import draw_figure
from polymath.reporting.figures.layers import MEASURES
from polymath.reporting.figures.matrix import GREY
from polymath.reporting.figures.probes import NAMES as PROBES
from polymath.reporting.figures.registry import FIGURES
from polymath.reporting.figures.style import COLOURS, colour_of, marker_of
from polymath.util.storage import write_json, write_table
from support.evidence import matrix_of
from support.figures import (
    PUBLISHED,
    SHORTCUTS,
    TASKS,
    baselines,
    card_of,
    conditions,
    curves_of,
    layers,
    scores_of,
    small_tables,
    words_of,
)
from support.tables import write_rows

WITH_FRACTIONS = [f"{task}, fraction {fraction}" for task in TASKS for fraction in ("0.1", "1")]
# What each figure must show of the small tables.
WORDS = {
    "heatmap": ["splice, accuracy", "pretrained", "scratch"],
    "matrix": [*TASKS, "pretrained", "scratch", "test accuracy or Spearman's ρ",
               "always the commonest class or a constant", "published, other models"],
    "curves": [*TASKS, "pretrained", "scratch", "dev accuracy", "dev Spearman's ρ",
               "training examples seen"],
    "forest": [*TASKS, "splice: esm", "pretrained", "re-emb", "95 %, other seeds and items",
               "95 %, other test items alone", "test score less that of random weights"],
    "speed": [*TASKS, "1.50 [1.10, 2.00]", "1.50", "2 : 0 of 2", "times faster"],
    "scatter": ["stability", "true value", "predicted value (pretrained)"],
    "fractions": ["splice", "0.1", "pretrained", "scratch", "share of the training data"],
    "effective_data": ["splice", "0.1", "pretrained", "re-emb", "at least, or at most",
                       "worth so many times the data"],
    "rates": ["splice", "0.0001", "0.0003", "chosen", "dev accuracy", "learning rate"],
    "variance": ["splice, pretrained", "splice, scratch", "initialisation", "mapping"],
    "probes": ["splice, small", "pretrained", "scratch", *PROBES.values()],
    "card": ["composer number 2", "train", "dev", "test", "length (symbols)"],
    "layers": ["text and anti\ninitial", "scratch and scratch\ninitial", "CKA (debiased)"],
    "depth": ["RSA, initial", "distance of heads, initial", "text and anti"],
}  # fmt: skip


def draw(name: str, **tables: Any) -> tuple[Figure, pd.DataFrame]:
    drawn: tuple[Figure, pd.DataFrame] = import_module(f"polymath.reporting.figures.{name}").draw(
        tables
    )
    return drawn


def missing(words: list[str], figure: Figure) -> list[str]:
    return [word for word in words if word not in words_of(figure)]


def draw_matrix(asked: list[Condition]) -> Figure:
    scores = scores_of(asked)
    return draw("matrix", matrix=matrix_of(scores), scores=scores, published=PUBLISHED)[0]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_shows_what_its_tables_hold(name: str) -> None:
    figure, data = draw(name, **small_tables())
    assert missing(WORDS[name], figure) == []
    assert len(data) > 0


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_arms_of_the_first_layers(name: str) -> None:
    tables = small_tables()
    for key in FIGURES[name].tables:
        table = tables[key]
        if isinstance(table, pd.DataFrame) and "init" in table:
            tables[key] = table.assign(init=table["init"].replace("pretrained", "first-1-layers"))
    draw(name, **tables)


def test_ticks_between_powers_of_ten_are_numbers() -> None:
    """Text is drawn as it is, so a formula would be shown as its source."""
    table = small_tables()["effective_data"]
    table = table.assign(multiplier=table["multiplier"].clip(1, 3), lowest=0.9, highest=3.3)
    figure, _ = draw("effective_data", effective_data=table)
    figure.draw_without_rendering()
    ticks = [
        label.get_text()
        for axes in figure.axes
        for label in axes.yaxis.get_ticklabels(which="both")
    ]
    assert "2" in ticks
    assert not [text for text in ticks if "$" in text]


def test_columns_of_text_do_not_overlap_beside_long_names() -> None:
    table = small_tables()["convergence"].assign(task="a task of a name that takes half the width")
    figure, _ = draw("speed", convergence=table)
    figure.draw_without_rendering()
    texts = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    for place in ("1.50 [1.10, 2.00]", "times faster"):
        assert texts[place].x1 < texts["reached"].x0


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_tables_give_the_same_files(name: str, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, FIGURES[name].tables)
    files, others = (draw_in(tmp_path / folder, name, inputs) for folder in "ab")
    for first, second in zip(files, others, strict=True):
        assert first.read_bytes() == second.read_bytes()
    svg = files[0].read_text(encoding="utf-8")
    assert svg.rstrip().endswith("</svg>")
    assert "mathdefault" not in svg  # text that Matplotlib took for a formula
    assert files[1].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def draw_in(
    folder: Path, name: str, inputs: Mapping[str, Path | list[Path] | pd.DataFrame]
) -> tuple[Path, Path, Path]:
    """Draw a figure and return its files: SVG, PNG and CSV."""
    svg, png, csv = (folder / f"{name}.{suffix}" for suffix in ("svg", "png", "csv"))
    draw_figure(name, inputs, svg, png, csv)
    return svg, png, csv


def write_inputs(folder: Path, names: tuple[str, ...]) -> dict[str, Path | list[Path]]:
    """Write the tables that a figure is drawn from as the rules do."""
    inputs: dict[str, Path | list[Path]] = {}
    for name in names:
        table = small_tables()[name]
        if name in ("card", "shortcuts"):
            inputs[name] = folder / f"{name}.json"
            write_json(table, folder / f"{name}.json")
        elif name == "curves":
            inputs[name] = [write_curve(one, folder) for one in conditions("1")]
        else:
            inputs[name] = folder / f"{name}.parquet"
            write_rows(table, folder / f"{name}.parquet")
    return inputs


def write_curve(condition: Condition, folder: Path, diverged: dict[str, Any] | None = None) -> Path:
    path = folder / condition.path / "curves.parquet"
    metadata = {**condition.columns, "metric": TASKS[condition.task], "diverged": diverged or {}}
    write_table(curves_of([condition])[CURVE_SCHEMA.names], path, CURVE_SCHEMA, metadata)
    return path


@pytest.mark.parametrize("name", FIGURES)
def test_a_caption_needs_the_wildcards_of_its_figure_only(name: str) -> None:
    entry = FIGURES[name]
    assert entry.caption.format(task="splice", model="small", mapping="random")
    if name not in ("card", "layers", "depth"):
        assert entry.caption.format() == entry.caption


@pytest.mark.parametrize(
    ("name", "table", "reason"),
    [
        ("forest", "comparisons", "no two conditions to compare"),
        ("variance", "variance", "a replicate diverged"),
        ("effective_data", "effective_data", "random weights on several fractions"),
        ("speed", "convergence", "no arm left chance level"),
    ],
)
def test_a_figure_without_rows_shows_the_reason(name: str, table: str, reason: str) -> None:
    empty = small_tables()[table].iloc[:0]
    figure, data = draw(name, **{table: empty})
    assert any(reason in text for text in words_of(figure))
    assert data.empty


def test_an_arm_that_never_learned_has_no_speed() -> None:
    figure, data = draw("speed", **small_tables())
    assert "flat" not in words_of(figure)
    assert set(data["task"]) == set(TASKS)


def test_baselines_have_no_fraction_curve() -> None:
    _, data = draw("fractions", **small_tables())
    assert set(data["model"]) == {"small"}


def test_the_heatmap_shows_means_with_intervals_where_there_is_one() -> None:
    row = {"task": "splice", "mapping": "random", "fraction": "1", "recipe": "default",
           "metric": "accuracy", "chance": 0.5}  # fmt: skip
    table = pd.DataFrame(
        [
            {**row, "model": "small", "init": "pretrained", "mean": 0.9, "low": 0.8, "high": 1.0},
            {**row, "model": "small", "init": "scratch", "mean": np.nan},
            {**row, "model": "ngram", "init": NONE, "mean": 0.4},
        ]
    )
    figure, _ = draw("heatmap", matrix=table)
    assert missing(["0.900\n[0.80, 1.00]", "0.400", "n-grams", "diverged"], figure) == []


def test_the_data_beside_a_figure_has_a_row_per_point() -> None:
    tables = small_tables()
    matrix = draw("matrix", **tables)[1]
    published = matrix["model"].str.startswith("published: ")
    assert sum(~published) == 4 * 3  # conditions, replicates
    assert matrix.loc[published, ["task", "init", "value"]].to_numpy().tolist() == [
        ["splice", "pretrained", 0.975]
    ]
    assert len(draw("curves", **tables)[1]) == 4 * 3 * 8  # and evaluations
    assert len(draw("card", **tables)[1]) == 3 * 3 + 30  # classes and splits, bins


def test_the_matrix_names_fractions_where_they_vary() -> None:
    figure = draw_matrix([*conditions("0.1", "1"), *baselines("0.1", "1")])
    assert missing([*WITH_FRACTIONS, *(f"{name}, majority" for name in WITH_FRACTIONS)],
                   figure) == []  # fmt: skip


def test_the_matrix_of_one_initialisation_has_no_other_in_its_legend() -> None:
    figure = draw_matrix([one for one in conditions("1") if one.init == "scratch"])
    assert missing(["scratch", "pretrained"], figure) == ["pretrained"]


@pytest.mark.parametrize(
    ("inits", "colour"),
    [(("pretrained", "scratch"), COLOURS["pretrained"]), (("scratch",), GREY)],
)
def test_published_scores_are_marked_in_their_own_metric_and_in_colours_of_the_legend(
    inits: tuple[str, ...], colour: str
) -> None:
    axes = draw_matrix([one for one in conditions("1") if one.init in inits]).axes[0]
    stars = [line for line in axes.get_lines() if line.get_marker() == "*"]
    assert [(np.asarray(star.get_xdata()).tolist(), star.get_color()) for star in stars] == [
        ([0.975], colour)
    ]


def test_baselines_have_rows_of_their_own_below_their_task() -> None:
    figure = draw_matrix([*conditions("1"), *baselines("1")])
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == [f"{task}{name}" for task in TASKS for name in ("", ", majority", ", n-grams")]
    assert missing(["baseline"], figure) == []


def test_every_initialisation_has_a_colour_a_marker_and_room() -> None:
    inits = [*INITIALISATIONS, "first-1-layers", "first-2-layers", "first-12-layers"]
    asked = [replace(one, init=init) for one in conditions("1")[::2] for init in inits]
    assert missing(list(inits), draw_matrix(asked)) == []
    assert missing(list(inits), draw("curves", curves=curves_of(asked))[0]) == []
    assert len(set(map(colour_of, [*inits, NONE]))) == len(inits) + 1
    assert len(set(map(marker_of, [*INITIALISATIONS, NONE, "first-1-layers"]))) == 11


def test_the_curves_mark_a_replicate_that_diverged(tmp_path: Path) -> None:
    mark = "diverged after this point"
    assert mark not in words_of(draw("curves", curves=curves_of(conditions("1")))[0])
    curves = [write_curve(conditions("1")[0], tmp_path, {"1": {"step": 241, "dev_score": 0.5}})]
    svg, _, csv = draw_in(tmp_path, "curves", {"curves": curves})
    assert mark in svg.read_text(encoding="utf-8")
    shown = pd.read_csv(csv)
    assert set(shown[shown["diverged"]]["replicate"]) == {1}


@pytest.mark.parametrize("name", ["heatmap", "matrix", "forest", "speed", "fractions"])
def test_too_many_conditions_are_said_and_not_drawn(name: str, tmp_path: Path) -> None:
    tables = {table: small_tables()[table] for table in FIGURES[name].tables}
    main_table = FIGURES[name].tables[0]
    row = tables[main_table].iloc[[0]]
    many = pd.concat([row.assign(recipe=f"recipe{number}") for number in range(501)])
    svg, _, csv = draw_in(tmp_path, name, tables | {main_table: many})
    assert "501 conditions" in svg.read_text(encoding="utf-8")
    assert f"{name}.csv" in svg.read_text(encoding="utf-8")
    assert len(pd.read_csv(csv)) == 501


def test_the_curves_have_a_panel_per_fraction_and_no_empty_one() -> None:
    third = Condition("splice", "second", "pretrained", "random", "1", "default")
    figure, _ = draw("curves", curves=curves_of([*conditions("1")[::2], third]))
    assert [axes.get_visible() for axes in figure.axes] == [True] * 3 + [False]
    assert (
        missing(WITH_FRACTIONS, draw("curves", curves=curves_of(conditions("0.1", "1")))[0]) == []
    )


def heading_of(card: Figure) -> str:
    (heading,) = [text for text in words_of(card) if "records," in text]
    return heading


@pytest.mark.parametrize("classes", [0, 2, 40])
def test_the_card_names_every_class_and_what_was_left_out(classes: int) -> None:
    figure, _ = draw("card", card=card_of(classes), shortcuts=SHORTCUTS)
    names = [f"composer number {number}" for number in range(classes)] or ["all"]
    assert missing([*names, "train", "dev", "test"], figure) == []
    assert [number in heading_of(figure) for number in ("1,234", "7", "1,505")] == [True] * 3
    assert figure.get_figheight() == pytest.approx(max(3.0, 1.4 + 0.16 * classes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["21 of 134 test records have", "identity from 0.8"]),
        ({"compared_test_rows": 50, "compared_symbols": 2000},
         ["21 of 50 test records in a sample of the 134 have", "first 2,000 symbols"]),
    ],
)  # fmt: skip
def test_the_card_counts_near_neighbours(changes: dict[str, int], said: list[str]) -> None:
    near = {**SHORTCUTS["near_neighbours"], **changes}
    figure, _ = draw("card", card=card_of(2), shortcuts=SHORTCUTS | {"near_neighbours": near})
    assert [words in heading_of(figure) for words in said] == [True] * 2


def test_the_card_names_the_best_rule_beside_a_constant_and_without_a_title_its_task() -> None:
    figure, _ = draw("card", card=card_of(2, title=""), shortcuts=SHORTCUTS)
    rule = "first symbol is 60: bach; otherwise mozart (macro f1 0.600, a constant 0.250)"
    assert rule in heading_of(figure)
    assert heading_of(figure).startswith("composer\n")


def test_class_names_with_signs_of_mathematics_are_shown_as_they_are(tmp_path: Path) -> None:
    counts = {"train": 3, "dev": 2, "test": 1}
    names = ["$5_a$", "100 %", "_hidden"]
    write_json(card_of(3, labels_by_split=dict.fromkeys(names, counts)), tmp_path / "card.json")
    rule = SHORTCUTS["rule"] | {"rule": f"first symbol is {names[0]}: a; otherwise b"}
    write_json(SHORTCUTS | {"rule": rule}, tmp_path / "shortcuts.json")
    inputs = {name: tmp_path / f"{name}.json" for name in ("card", "shortcuts")}
    svg = draw_in(tmp_path, "card", inputs)[0].read_text(encoding="utf-8")
    assert [name for name in names if f">{name}</text>" not in svg] == []
    assert "first symbol is $5_a$: a" in svg


def test_a_heat_map_per_pair_and_state_holds_the_tables_values() -> None:
    table, _ = layers("initial", "fine-tuned")
    figure, data = draw("layers", similarity=table)
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in maps] == [
        f"{name}\n{state}"
        for state in ("initial", "fine-tuned")
        for name in ("text and anti", "scratch and anti", "text and scratch", "scratch and scratch")
    ]
    drawn = maps[0].images[0].get_array()
    assert drawn is not None
    assert drawn.shape == (4, 5)
    first = table[(table["pair"] == "text-domain") & (table["state"] == "initial")]
    values = first[first["measure"] == "cka"].set_index(["layer_a", "layer_b"])["value"]
    assert drawn[3, 1] == pytest.approx(values[3, 1])
    assert len(data) == 2 * 2 * (4 * 5 + 4 * 4)


def test_depth_shows_every_measure_with_its_interval_and_the_heads() -> None:
    similarity, heads = layers()
    figure, data = draw("depth", similarity=similarity, heads=heads)
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        *(f"{title}, initial" for title in MEASURES.values()), "distance of heads, initial",
    ]  # fmt: skip
    floor = panels[0].lines[-2]
    assert floor.get_linestyle() == "--"
    assert floor.get_ydata() == pytest.approx(np.full(4, 0.45))
    assert len(panels[0].collections) == 4
    assert panels[5].lines[0].get_ydata() == pytest.approx(np.full(3, 0.25))
    assert len(data) == 4 * 4 * 5 + 4 * 3
    assert data[data["measure"] != "head distance"]["low"].notna().all()
