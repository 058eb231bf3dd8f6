"""Figures from small tables: both formats, the same bytes, and what they say."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.matrix import aggregate
from polymath.evaluation.scores import SCHEMA as SCORES_SCHEMA
from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.config import InitName
from polymath.reporting.figures.curves import plot_curves
from polymath.reporting.figures.data_card import plot_card
from polymath.reporting.figures.matrix import plot_matrix
from polymath.reporting.figures.style import COLOURS, MARKERS
from polymath.util.seeds import VARIED
from polymath.util.storage import write_json, write_table

FRACTION_NAMES = ("fraction 0.1", "fraction 1")
PNG = b"\x89PNG\r\n\x1a\n"
TASKS = {"splice": "accuracy", "stability": "spearman"}


def conditions(*fractions: str) -> list[Condition]:
    """Two tasks, one of them a regression, both initialisations."""
    return [
        Condition(task, "minilm-l6", init, "random", fraction, "default")
        for task, fraction, init in product(TASKS, fractions, ("pretrained", "scratch"))
    ]


def level(condition: Condition) -> float:
    """A score that tells conditions apart."""
    return 0.6 + 0.25 * (condition.init == "pretrained") - 0.2 * (condition.fraction == "0.1")


def write_scores(condition: Condition, replicates: int, folder: Path) -> Path:
    """Write a condition's scores as evaluation does."""
    metric = TASKS[condition.task]
    noise = np.random.default_rng(len(condition.path)).normal(0, 0.02, replicates)
    rows = [
        {**condition.columns, "domain": "dna", "replicate": replicate, "split": split,
         "metric": metric, "headline": True, "items": 100, "value": level(condition) + gap,
         "chance": 0.52 if metric == "accuracy" else 0.0, "diverged_at": None,
         "learning_rate": 1e-4, **{f"{stream}_seed": replicate for stream in VARIED}}
        for replicate, gap in enumerate(noise)
        for split in ("dev", "test")
    ]  # fmt: skip
    path = folder / condition.path / "scores.parquet"
    write_table(pd.DataFrame(rows), path, SCORES_SCHEMA, {})
    return path


def write_curve(
    condition: Condition, replicates: int, folder: Path, diverged: dict[str, Any] | None = None
) -> Path:
    """Write a condition's learning curves as training does."""
    steps = np.arange(1, 9) * 30
    generator = np.random.default_rng(len(condition.path))
    rows = [
        {"replicate": replicate, "step": step, "examples": step * 16, "train_loss": 1 / step,
         "dev_score": level(condition) * (1 - np.exp(-step / 60)) + generator.normal(0, 0.02),
         "seconds": 1.0}
        for replicate in range(replicates)
        for step in steps
    ]  # fmt: skip
    path = folder / condition.path / "curves.parquet"
    metadata = {**condition.columns, "metric": TASKS[condition.task], "diverged": diverged or {}}
    write_table(pd.DataFrame(rows), path, CURVE_SCHEMA, metadata)
    return path


def write_card(path: Path, classes: int = 3, **changes: Any) -> Path:
    """Write a data card as preparation does; no class means a regression."""
    generator = np.random.default_rng(classes)
    counts, edges = np.histogram(generator.gamma(2, 60, 900), bins=30)
    names = [f"composer number {number}" for number in range(classes)]
    card: dict[str, Any] = {
        "task": "composer",
        "title": "Composer of a score",
        "rows": 1234,
        "splits": {"train": 1000, "dev": 100, "test": 134},
        "length": {"unit": "symbols",
                   "histogram": {"counts": counts.tolist(), "edges": edges.tolist()}},
        "duplicates": {"surplus_rows_kept": 7},
        "rejected": [{"reason": "empty sequence", "count": 5}, {"reason": "other", "count": 1500}],
    }  # fmt: skip
    if classes:
        card["labels_by_split"] = {
            name: {"train": 300 - 7 * place, "dev": 30, "test": 60}
            for place, name in enumerate(names)
        }
    write_json({**card, **changes}, path)
    return path


Draw = Callable[[Path, Path], None]


def matrix_of(folder: Path, replicates: int, *fractions: str) -> Draw:
    """Return a function that draws a small experiment's matrix."""
    scores = [write_scores(one, replicates, folder) for one in conditions(*fractions)]
    matrix = folder / "matrix.parquet"
    aggregate(scores, {}, matrix, folder / "matrix.csv", folder / "matrix.md")
    return lambda svg, png: plot_matrix(matrix, scores, svg, png, svg.with_suffix(".csv"))


def curves_of(folder: Path, replicates: int, *fractions: str) -> Draw:
    """Return a function that draws a small experiment's learning curves."""
    curves = [write_curve(one, replicates, folder) for one in conditions(*fractions)]
    return lambda svg, png: plot_curves(curves, svg, png, svg.with_suffix(".csv"))


def card_of(folder: Path, classes: int) -> Draw:
    """Return a function that draws a card of so many classes."""
    card = write_card(folder / "card.json", classes)
    return lambda svg, png: plot_card(card, svg, png)


FIGURES: dict[str, Callable[[Path], Draw]] = {
    "matrix of one fraction": lambda folder: matrix_of(folder, 3, "1"),
    "matrix of two fractions": lambda folder: matrix_of(folder, 3, "0.1", "1"),
    "matrix of one replicate": lambda folder: matrix_of(folder, 1, "1"),
    "curves of one fraction": lambda folder: curves_of(folder, 3, "1"),
    "curves of two fractions": lambda folder: curves_of(folder, 3, "0.1", "1"),
    "curves of one replicate": lambda folder: curves_of(folder, 1, "1"),
    "card of two classes": lambda folder: card_of(folder, 2),
    "card of forty classes": lambda folder: card_of(folder, 40),
    "card of twelve classes": lambda folder: card_of(folder, 12),
    "card of a regression": lambda folder: card_of(folder, 0),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_in_both_formats_and_always_the_same(name: str, tmp_path: Path) -> None:
    draw = FIGURES[name](tmp_path)
    files = [tmp_path / f"{stem}.{suffix}" for stem in "ab" for suffix in ("svg", "png")]
    draw(files[0], files[1])
    draw(files[2], files[3])
    assert files[1].read_bytes().startswith(PNG)
    assert files[0].read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert files[0].read_bytes() == files[2].read_bytes()
    assert files[1].read_bytes() == files[3].read_bytes()


def text_of(draw: Draw, folder: Path) -> str:
    """Return a figure's SVG, whose words are text."""
    draw(folder / "figure.svg", folder / "figure.png")
    return (folder / "figure.svg").read_text(encoding="utf-8")


def missing(words: list[str], svg: str) -> list[str]:
    """Return those words that the figure does not show."""
    return [word for word in words if f">{word}</text>" not in svg]


def test_the_matrix_names_tasks_initialisations_metrics_and_chance(tmp_path: Path) -> None:
    svg = text_of(matrix_of(tmp_path, 3, "1"), tmp_path)
    words = ["splice", "stability", "pretrained", "scratch", "test accuracy or Spearman's ρ"]
    assert missing([*words, "always the commonest class, or a constant"], svg) == []


def test_what_the_matrix_and_the_curves_show_lies_beside_them(tmp_path: Path) -> None:
    for draw, rows in ((matrix_of, 12), (curves_of, 96)):  # 4 conditions, 3 replicates, 8 points
        draw(tmp_path, 3, "1")(tmp_path / "figure.svg", tmp_path / "figure.png")
        shown = pd.read_csv(tmp_path / "figure.csv")
        assert len(shown) == rows
        assert set(shown["task"]) == set(TASKS)


def test_the_matrix_tells_fractions_apart(tmp_path: Path) -> None:
    svg = text_of(matrix_of(tmp_path, 3, "0.1", "1"), tmp_path)
    assert missing([f"{task}, {part}" for task in TASKS for part in FRACTION_NAMES], svg) == []


def test_the_matrix_of_one_initialisation_has_no_other_in_its_legend(tmp_path: Path) -> None:
    scores = [write_scores(one, 2, tmp_path) for one in conditions("1") if one.init == "scratch"]
    aggregate(scores, {}, tmp_path / "m.parquet", tmp_path / "m.csv", tmp_path / "m.md")
    svg = text_of(
        lambda a, b: plot_matrix(tmp_path / "m.parquet", scores, a, b, a.with_suffix(".csv")),
        tmp_path,
    )
    assert missing(["scratch", "pretrained"], svg) == ["pretrained"]


def baselines(*fractions: str) -> list[Condition]:
    """Both baselines of two tasks."""
    return [
        Condition(task, name, NONE, NONE, fraction, NONE)
        for task, name, fraction in product(TASKS, ("majority", "ngram"), fractions)
    ]


def draw_matrix(asked: list[Condition], folder: Path) -> str:
    """Return the SVG of a matrix of these conditions."""
    scores = [write_scores(one, 3, folder) for one in asked]
    aggregate(scores, {}, folder / "m.parquet", folder / "m.csv", folder / "m.md")
    return text_of(
        lambda a, b: plot_matrix(folder / "m.parquet", scores, a, b, a.with_suffix(".csv")), folder
    )


def test_baselines_have_rows_of_their_own_below_their_tasks_others(tmp_path: Path) -> None:
    svg = draw_matrix([*conditions("1"), *baselines("1")], tmp_path)
    rows = [f"{task}{name}" for task in TASKS for name in ("", ", majority", ", n-grams")]
    assert missing([*rows, "baseline"], svg) == []
    places = [svg.index(f">{row}</text>") for row in rows]
    assert places == sorted(places)


def test_baselines_are_told_apart_by_fraction_where_models_are(tmp_path: Path) -> None:
    svg = draw_matrix([*conditions("0.1", "1"), *baselines("0.1", "1")], tmp_path)
    names = [f"{task}, {part}" for task in TASKS for part in FRACTION_NAMES]
    assert missing([*names, *(f"{name}, majority" for name in names)], svg) == []


def test_every_initialisation_has_a_colour_a_marker_and_room(tmp_path: Path) -> None:
    inits = get_args(InitName)
    asked = [replace(one, init=init) for one in conditions("1")[::2] for init in inits]
    assert missing(list(inits), draw_matrix(asked, tmp_path)) == []
    curves = [write_curve(one, 2, tmp_path) for one in asked]
    shown = text_of(lambda a, b: plot_curves(curves, a, b, a.with_suffix(".csv")), tmp_path)
    assert missing(list(inits), shown) == []
    for values in (COLOURS, MARKERS):
        assert set(values) == {*inits, NONE}
        assert len(set(values.values())) == len(values)


def test_the_curves_name_tasks_initialisations_and_axes(tmp_path: Path) -> None:
    svg = text_of(curves_of(tmp_path, 3, "1"), tmp_path)
    words = [*TASKS, "pretrained", "scratch", "dev accuracy", "dev Spearman's ρ",
             "training examples seen"]  # fmt: skip
    assert missing(words, svg) == []


def test_the_curves_mark_a_replicate_that_diverged(tmp_path: Path) -> None:
    ended = {"1": {"step": 241, "dev_score": 0.5}}
    curves = [write_curve(conditions("1")[0], 3, tmp_path, ended)]
    marked = text_of(
        lambda svg, png: plot_curves(curves, svg, png, svg.with_suffix(".csv")), tmp_path
    )
    assert missing(["diverged after this point"], marked) == []
    assert missing(["diverged"], text_of(curves_of(tmp_path, 3, "1"), tmp_path)) == ["diverged"]


def test_the_curves_have_a_panel_for_each_fraction(tmp_path: Path) -> None:
    svg = text_of(curves_of(tmp_path, 3, "0.1", "1"), tmp_path)
    assert missing([f"{task}, {part}" for task in TASKS for part in FRACTION_NAMES], svg) == []


def test_an_odd_number_of_panels_leaves_no_empty_axes(tmp_path: Path) -> None:
    curves = [
        write_curve(replace(one, task=task), 2, tmp_path)
        for one in conditions("1")[:1]
        for task in TASKS
    ]
    third = Condition("splice", "other", "pretrained", "random", "1", "default")
    curves.append(write_curve(third, 2, tmp_path))
    svg = text_of(lambda a, b: plot_curves(curves, a, b, a.with_suffix(".csv")), tmp_path)
    assert svg.count(">training examples seen</text>") == 3
    assert svg.count('id="patch_1"') == 1
    assert svg.count('id="axes_') == 3


def test_the_card_names_classes_splits_and_what_was_left_out(tmp_path: Path) -> None:
    svg = text_of(card_of(tmp_path, 12), tmp_path)
    classes = [f"composer number {number}" for number in range(12)]
    assert missing([*classes, "train", "dev", "test", "length (symbols)"], svg) == []
    assert "1,234 records, 7 of them" in svg
    assert "1,505 left out" in svg


def test_the_card_of_a_regression_has_its_splits(tmp_path: Path) -> None:
    svg = text_of(card_of(tmp_path, 0), tmp_path)
    assert missing(["all", "train", "dev", "test"], svg) == []


def test_a_card_without_a_title_is_headed_by_its_task(tmp_path: Path) -> None:
    card = write_card(tmp_path / "card.json", title="")
    assert missing(["composer"], text_of(lambda a, b: plot_card(card, a, b), tmp_path)) == []


def test_many_classes_make_the_card_taller_and_none_is_left_out(tmp_path: Path) -> None:
    def height(classes: int) -> float:
        folder = tmp_path / str(classes)
        svg = text_of(card_of(folder, classes), folder)
        names = [f"composer number {number}" for number in range(classes)]
        assert missing(names, svg) == []
        found = re.search(r'height="([0-9.]+)pt"', svg)
        assert found is not None
        return float(found[1])

    assert height(40) > height(12) + 150


def test_class_names_with_signs_of_mathematics_are_shown_as_they_are(tmp_path: Path) -> None:
    counts = {"train": 3, "dev": 2, "test": 1}
    names = {"$5_a$": counts, "100 %": counts, "_hidden": counts}
    card = write_card(tmp_path / "card.json", labels_by_split=names)
    assert missing(list(names), text_of(lambda a, b: plot_card(card, a, b), tmp_path)) == []
