"""The layout of results: patterns and files of one spelling."""

from pathlib import Path

import pytest

from polymath.experiment.conditions import Condition
from polymath.experiment.paths import (
    PATTERN,
    ResultPaths,
    levels_in,
    replicate_folder,
    source_name,
)

PATHS = ResultPaths.of("results")
CONDITION = Condition("splice", "minilm", "scratch", "random", "0.1", "default")


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("raw_manifest", ("task",)),
        ("model_manifest", ("model",)),
        ("pretraining_curve", ("model",)),
        ("records", ("task",)),
        ("card", ("task",)),
        ("tokens", ("task", "tokenizer")),
        ("symbols", ("task", "tokenizer")),
        ("vocabulary", ("task", "model", "mapping")),
        ("probes", ("task", "model", "init", "mapping")),
        ("scores", ("task",)),
    ],
)
def test_the_pattern_with_its_wildcards_filled_in_is_the_file(
    method: str, fields: tuple[str, ...]
) -> None:
    values = {field: f"a-{field}" for field in fields}
    pattern = str(getattr(PATHS, method)())
    assert pattern.format(**values) == str(getattr(PATHS, method)(*values.values()))


@pytest.mark.parametrize("method", ["run", "predictions", "curves", "kept_models"])
def test_a_conditions_pattern_filled_in_is_its_file(method: str) -> None:
    pattern = str(getattr(PATHS, method)())
    assert pattern.format(**CONDITION.columns) == str(getattr(PATHS, method)(CONDITION))


def test_folders_tell_the_condition() -> None:
    assert Condition(**levels_in(PATHS.predictions(CONDITION))) == CONDITION
    assert levels_in(PATHS.run()) == PATTERN.columns


@pytest.mark.parametrize("method", ["log", "benchmark"])
def test_names_with_dots_do_not_share_a_file(method: str) -> None:
    name = getattr(PATHS, method)
    assert name("finetune", "a.b", "c") != name("finetune", "a", "b.c")


def test_the_pattern_of_kept_replicates_finds_them_all(tmp_path: Path) -> None:
    folders = [tmp_path / replicate_folder(replicate) for replicate in range(3)]
    for folder in folders:
        folder.mkdir()
    assert sorted(tmp_path.glob(replicate_folder("*"))) == folders


def test_a_manifest_tells_its_source() -> None:
    assert source_name(PATHS.raw_manifest("splice")) == "raw/splice"
    assert source_name(Path("elsewhere/models/minilm/manifest.json")) == "models/minilm"


def test_finished_conditions_are_found_whatever_the_experiment(tmp_path: Path) -> None:
    paths = ResultPaths.of(tmp_path)
    assert paths.all_predictions() == []
    paths.predictions(CONDITION).parent.mkdir(parents=True)
    paths.predictions(CONDITION).touch()
    assert paths.all_predictions() == [paths.predictions(CONDITION)]
    assert paths.all_curves() == []
