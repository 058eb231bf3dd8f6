"""Figures of evidence from small tables: both formats and the data, the same bytes, the words."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from polymath.evaluation.comparisons import COMPARISONS, ESTIMATES
from polymath.evaluation.convergence import SCHEMA as CONVERGENCE
from polymath.evaluation.matrix import SCHEMA as MATRIX
from polymath.evaluation.rate_sensitivity import SCHEMA as RATES
from polymath.evaluation.tables import PROBE_SCHEMA
from polymath.evaluation.variance_components import SCHEMA as VARIANCE
from polymath.reporting.figures.forest import plot_forest
from polymath.reporting.figures.fractions import plot_fractions
from polymath.reporting.figures.heatmap import plot_heatmap
from polymath.reporting.figures.rates import plot_rates
from polymath.reporting.figures.speed import plot_speed
from polymath.reporting.figures.trainability import NAMES as PROBES
from polymath.reporting.figures.trainability import plot_probes
from polymath.reporting.figures.variance import plot_variance
from polymath.util.storage import write_table

Rows = list[dict[str, Any]]
NAMES = {"task": "splice", "model": "small", "init": "pretrained", "mapping": "random",
         "fraction": "1", "recipe": "default", "domain": "dna", "metric": "accuracy"}  # fmt: skip


def differences() -> Iterator[dict[str, Any]]:
    for task in ("splice", "stability"):
        for init in ("pretrained", "re-emb"):
            yield {**NAMES, "task": task, "init": init, "against": "scratch",
                   "reference_model": "small", "n": 3, "difference": 0.1, "low": -0.1, "high": 0.3,
                   "items_low": 0.05, "items_high": 0.15,
                   "differences": [0.0, 0.1, 0.2]}  # fmt: skip
    yield {**NAMES, "against": "in-domain", "reference_model": "esm", "n": 1, "difference": -0.02,
           "low": math.nan, "high": math.nan, "items_low": -0.05, "items_high": 0.0,
           "differences": [-0.02]}  # fmt: skip


def speeds() -> Iterator[dict[str, Any]]:
    for task, low in (("splice", 1.1), ("stability", math.nan)):
        yield {**NAMES, "task": task, "against": "scratch", "n": 2, "reached": 2,
               "reference_reached": 0, "speed_up": 1.5, "speed_up_low": low, "speed_up_high": 2.0,
               "saved": 0.3, "low": -1.5, "high": 2.1, "differences": [0.2, 0.4]}  # fmt: skip
    yield {**NAMES, "task": "flat", "against": "scratch", "n": 2, "differences": None}


def estimates() -> Iterator[dict[str, Any]]:
    for fraction in ("0.1", "1"):
        for init in ("pretrained", "scratch"):
            yield {**NAMES, "init": init, "fraction": fraction, "n": 3, "mean": 0.8,
                   "low": 0.7, "high": 0.9}  # fmt: skip
        yield {**NAMES, "model": "ngram", "init": "none", "fraction": fraction, "mean": 0.7}


def rates() -> Iterator[dict[str, Any]]:
    for init in ("pretrained", "scratch"):
        for rate in (1e-4, 3e-4):
            yield {**NAMES, "init": init, "learning_rate": rate, "n": 2, "mean": 0.8, "low": 0.7,
                   "high": 0.9, "chosen": rate == 1e-4, "at_edge": rate == 1e-4}  # fmt: skip


def parts() -> Iterator[dict[str, Any]]:
    for init in ("pretrained", "scratch"):
        for stream in ("init", "mapping", "residual"):
            yield {**NAMES, "init": init, "stream": stream, "deviation": 0.02}


def cells() -> Iterator[dict[str, Any]]:
    for task, chance in (("splice", 0.5), ("stability", 0.0)):
        for init, mean in (("pretrained", 0.9), ("scratch", 0.6)):
            yield {**NAMES, "task": task, "init": init, "chance": chance, "mean": mean,
                   "low": mean - 0.1, "high": mean + 0.1}  # fmt: skip
    yield {**NAMES, "model": "ngram", "init": "none", "mapping": "none", "recipe": "none",
           "chance": 0.5, "mean": 0.4, "low": math.nan, "high": math.nan}  # fmt: skip


def beginnings() -> Iterator[dict[str, Any]]:
    for init in ("pretrained", "scratch"):
        for probe in PROBES:
            for replicate in range(2):
                yield {**NAMES, "init": init, "probe": probe, "replicate": replicate, "value": 0.5}


Plot = Callable[[Path, Path, Path, Path], None]
FIGURES: dict[str, tuple[Plot, pa.Schema, Callable[[], Iterator[dict[str, Any]]], list[str]]] = {
    "forest": (plot_forest, COMPARISONS, differences,
               ["splice", "stability", "splice: esm", "pretrained", "re-emb", "95 %, other seeds",
                "95 %, other test items", "test score less that of random weights"]),
    "speed": (plot_speed, CONVERGENCE, speeds,
              ["splice", "1.50 [1.10, 2.00]", "1.50", "2 : 0 of 2", "times faster"]),
    "fractions": (plot_fractions, ESTIMATES, estimates,
                  ["splice", "0.1", "pretrained", "scratch", "share of the training data"]),
    "rates": (plot_rates, RATES, rates,
              ["splice", "0.0001", "0.0003", "chosen", "dev accuracy", "learning rate"]),
    "heatmap": (plot_heatmap, MATRIX, cells,
                ["splice, accuracy", "pretrained", "n-grams", "[0.80, 1.00]", "0.400"]),
    "probes": (plot_probes, PROBE_SCHEMA, beginnings,
               ["splice, small", "pretrained", "scratch", *PROBES.values()]),
    "variance": (plot_variance, VARIANCE, parts,
                 ["splice, pretrained", "splice, scratch", "initialisation", "mapping"]),
}  # fmt: skip


def draw(name: str, rows: Rows, folder: Path) -> dict[str, Path]:
    plot, schema, _, _ = FIGURES[name]
    source = folder / "source.parquet"
    write_table(pd.DataFrame(rows, columns=schema.names), source, schema, {})
    files = {kind: folder / f"figure.{kind}" for kind in ("svg", "png", "csv")}
    plot(source, *files.values())
    return files


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_what_it_shows_and_is_always_the_same(name: str, tmp_path: Path) -> None:
    _, _, make, words = FIGURES[name]
    files = draw(name, list(make()), tmp_path)
    svg = files["svg"].read_text(encoding="utf-8")
    assert [word for word in words if f">{word}</text>" not in svg] == []
    assert "mathdefault" not in svg  # a formula that is not set
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    before = {kind: path.read_bytes() for kind, path in files.items()}
    assert {k: p.read_bytes() for k, p in draw(name, list(make()), tmp_path).items()} == before
    shown = pd.read_csv(files["csv"])
    assert set(shown["task"]) >= {"splice"}
    assert len(shown) <= len(list(make()))


@pytest.mark.parametrize("name", ["forest", "speed", "variance"])
def test_without_a_row_a_figure_says_so(name: str, tmp_path: Path) -> None:
    words = {"forest": "no two conditions to compare", "variance": "a replicate diverged",
             "speed": "no arm left chance level beside one from scratch"}  # fmt: skip
    svg = draw(name, [], tmp_path)["svg"].read_text(encoding="utf-8")
    assert words[name] in svg


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    svg = draw("speed", list(speeds()), tmp_path)["svg"].read_text(encoding="utf-8")
    assert ">flat</text>" not in svg


def test_baselines_have_no_fraction_curve(tmp_path: Path) -> None:
    files = draw("fractions", list(estimates()), tmp_path)
    assert set(pd.read_csv(files["csv"])["model"]) == {"small"}
