"""Which experiment a command is about: files, settings and folders as Snakemake takes them."""

import argparse
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from polymath.experiment.command_line import (
    UNKNOWN_FILE,
    ExperimentOptions,
    add_experiment_options,
    as_setting,
)
from polymath.util.errors import PolymathError
from support import ROOT


def options(*words: str) -> ExperimentOptions:
    parser = argparse.ArgumentParser()
    add_experiment_options(parser)
    return ExperimentOptions.of(parser.parse_args(words))


def test_later_files_and_settings_hold_over_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = "{short: {learning_rate: 1.0e-4, batch_size: 8, steps: 2}}"
    Path("config.yaml").write_text(
        f"tasks: [splice]\nmodels: [minilm-l6]\nrecipes: {recipe}\nresults: first\n"
    )
    Path("mine.yaml").write_text("replicates: 7\nresults: second\n")
    files = options("--configfile", "mine.yaml", "--config", "seed=5", "tasks=[amp]")
    experiment = files.experiment(ROOT / "resources")
    assert (experiment.replicates, experiment.seed, experiment.tasks) == (7, 5, ("amp",))
    assert files.results.root == Path(experiment.results) == Path("second")
    assert files.words == ["--configfile", "mine.yaml", "--config", "seed=5", "tasks=[amp]"]
    named = options("--configfile", "mine.yaml", "--results", "third")
    assert named.results.root == Path(named.experiment(ROOT / "resources").results) == Path("third")
    assert named.words == ["--configfile", "mine.yaml", "--config", "results=third"]
    # The folder of another experiment: the default's configuration must not run in it.
    assert options("--results", "third").words == [
        "--configfile", UNKNOWN_FILE, "--config", "results=third",
    ]  # fmt: skip
    alone = options("--configfile", "mine.yaml", "--replace-workflow-config")
    assert alone.words[-1] == "--replace-workflow-config"
    with pytest.raises(PolymathError, match="tasks"):
        alone.experiment(ROOT / "resources")


@pytest.mark.parametrize("name", ["2024", "null", "out dir", "[a"])
def test_a_folder_whose_name_yaml_reads_otherwise_stays_a_folder(name: str) -> None:
    words = options("--configfile", "mine.yaml", "--results", name).words
    assert parse_config(words[words.index("--config") + 1 :])["results"] in (name, f"./{name}")


def test_the_folder_of_results_needs_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options().results.root == Path("results")
    assert options("--config", "results=elsewhere").results.root == Path("elsewhere")


@pytest.mark.parametrize("setting", ["seed", "=5", "seed="])
def test_a_setting_is_a_key_with_a_value(setting: str) -> None:
    with pytest.raises(PolymathError, match="KEY=VALUE"):
        _ = options("--config", setting).results


@pytest.mark.parametrize(
    "value",
    ["results/new", "my folder", "é", 7, ["amp", "splice"],
     {"default": {"learning_rate": ["1e-4", "4.0e-4"]}}],
)  # fmt: skip
def test_a_setting_is_read_by_snakemake_as_it_was(value: object) -> None:
    setting = as_setting("some_key", value)
    assert "\n" not in setting
    assert parse_config([setting]) == {"some_key": value}
    # What Snakemake has read is written in the same words again.
    assert as_setting("some_key", parse_config([setting])["some_key"]) == setting
