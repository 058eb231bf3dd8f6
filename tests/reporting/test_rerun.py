"""The command that runs an experiment again."""

import shlex

from snakemake.cli import parse_config

from polymath.reporting.rerun import PLAIN, Rerun


def test_settings_of_the_command_are_kept_and_replaced() -> None:
    rerun = Rerun(["--configfile", "my data.yaml", "--config", "seed=5", "replicates=3"])
    assert shlex.split(rerun.with_replicates(8)) == [
        "snakemake", "--cores", "all", "--configfile", "my data.yaml",
        "--config", "seed=5", "replicates=8",
    ]  # fmt: skip


def test_a_stream_that_varies_alone_is_given_more_seeds() -> None:
    words = shlex.split(Rerun((), {"init": 5, "mapping": 1}).with_replicates(8))
    assert parse_config(words[4:]) == {"crossed": {"init": "8"}}


def test_models_are_compared_with_those_of_one_replicate_more() -> None:
    words = shlex.split(PLAIN.with_models_compared(8))
    assert parse_config(words[4:]) == {"representations": {"replicates": "8"}, "replicates": 9}


def test_what_there_is_of_replicates_and_settings_is_kept() -> None:
    rerun = Rerun(["--config", "representations={replicates: 3, tokens: 5000}"], runs=12)
    config = parse_config(shlex.split(rerun.with_models_compared(6))[4:])
    assert config["representations"] == {"replicates": "6", "tokens": "5000"}
    assert config["replicates"] == 12


def test_a_file_of_a_settings_name_stays() -> None:
    words = shlex.split(Rerun(["--configfile", "replicates"]).with_replicates(8))
    assert words[3:] == ["--configfile", "replicates", "--config", "replicates=8"]
