"""Sequences that are not read whole are named in the report's limits, the card and the plan."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.datasets import Dataset
from polymath.experiment.paths import ResultPaths
from polymath.planning.plan import Speed, describe_plan
from polymath.reporting.figures.card import describe_reach
from polymath.reporting.truncation import describe_truncation
from polymath.tokenization.tokenize import token_schema
from polymath.util.storage import write_json, write_table
from support.plans import DATASET, plan_of

Checkpoint = Callable[[str], Path]
OWN = Condition("odd", "small", "scratch", "random", "1", "short")
TEXT = Condition("odd", "small", "scratch", "permute", "1", "short")


def card(median: float, unit: str = "symbols") -> dict[str, Any]:
    return {"task": "odd", "length": {"median": median, "max": int(median), "unit": unit}}


def write_tokens(results: ResultPaths, tokenizer: str, lengths: list[int], asked: int) -> None:
    rows = pd.DataFrame(
        {"id": "a", "item": "a", "window": 0, "split": "train", "label": "x", "length": lengths,
         "ids": [[0]] * len(lengths)}
    ).astype({"window": "int32", "length": "int32"})  # fmt: skip
    metadata = {"max_length": asked, "truncated": sum(length >= asked for length in lengths)}
    write_table(rows, results.tokens("odd", tokenizer), token_schema("classification"), metadata)


def fetch_model(results: ResultPaths, checkpoint: Path) -> None:
    path = results.model_manifest("small")
    files = [checkpoint / name for name in ("config.json", "tokenizer.json")]
    path.parent.mkdir(parents=True)
    Manifest.of(path, {}, files).write()


def test_a_models_positions_limit_what_is_read(tmp_path: Path, checkpoint: Checkpoint) -> None:
    results = ResultPaths(tmp_path)
    fetch_model(results, checkpoint("bert"))
    write_tokens(results, "own", [12_000] * 3, asked=12_000)
    (line,) = describe_truncation([OWN, OWN], results, {"odd": card(12_000)})
    assert "odd, small: 12,000 symbols (median), 62 seen (0.5%)" in line
    write_tokens(results, "own", [40] * 3, asked=100)
    assert describe_truncation([OWN], results, {"odd": card(40)}) == []


def test_text_is_counted_by_rows(tmp_path: Path, checkpoint: Checkpoint) -> None:
    results = ResultPaths(tmp_path)
    fetch_model(results, checkpoint("bert"))
    write_tokens(results, "small", [30, 30, 30, 12], asked=30)
    (line,) = describe_truncation([TEXT], results, {"odd": card(25, "words")})
    assert "75% of the rows are longer than the 30 tokens" in line


@pytest.mark.parametrize(
    ("fields", "reach"),
    [
        ({"max_length": 60}, 60),
        ({"max_length": 60, "windows": {"size": 60, "stride": 30, "limit": 4}}, 240),
        ({"max_length": 50, "windows": {"size": 60, "stride": 60, "limit": 4}}, 200),
        ({"max_length": 60, "windows": {"size": 60, "stride": 60}}, None),
    ],
)
def test_the_reach_of_a_data_set(fields: dict[str, Any], reach: int | None) -> None:
    assert Dataset.model_validate({**DATASET, **fields}).reach == reach


def test_the_card_says_what_is_read_of_long_records() -> None:
    assert describe_reach(card(12_000)["length"], 60) == "12,000 symbols (median), 60 seen (0.5%)\n"
    assert describe_reach({**card(40)["length"], "max": 90}, 60).startswith("Of the longest record")
    assert describe_reach(card(60)["length"], 60) == ""
    assert describe_reach(card(600)["length"], None) == ""


def test_the_plan_says_it_before_and_after_the_data_is_prepared(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    plan = plan_of(tmp_path, models=["small"], datasets={"odd": {**DATASET, "max_length": 1200}},
                   checkpoints={"small": {"source": {"kind": "path", "path": "x"}}})  # fmt: skip
    fetch_model(plan.paths, checkpoint("bert"))

    def lines() -> list[str]:
        return [line for line in describe_plan(plan, Speed(1e9, "x")) if "odd, small" in line]

    (line,) = lines()
    assert re.findall(r"\d[\d,]*\d", line) == ["1,200", "62"]
    splits = {"train": 8, "dev": 1, "test": 1}
    write_json({**card(12_000), "splits": splits}, plan.paths.card("odd"))
    assert lines()[0].startswith("odd, small: 12,000 symbols (median), 62 seen (0.5%)")


def test_the_plan_counts_what_is_kept_of_a_window(tmp_path: Path, checkpoint: Checkpoint) -> None:
    fields = {"max_length": 40, "windows": {"size": 1200, "stride": 1200}}
    plan = plan_of(tmp_path, models=["small"], datasets={"odd": {**DATASET, **fields}},
                   checkpoints={"small": {"source": {"kind": "path", "path": "x"}}})  # fmt: skip
    fetch_model(plan.paths, checkpoint("bert"))
    lines = [*describe_plan(plan, Speed(1e9, "x"))]
    assert not any("symbols asked for" in line for line in lines)
    (line,) = (line for line in lines if "windows.size" in line)
    assert re.findall(r"\d[\d,]*\d", line) == ["1,200", "40"]
