"""The command that follows from an experiment's results."""

import shlex

import pytest
import yaml
from snakemake.cli import parse_config

from polymath.evaluation.rate_sensitivity import AT_EDGE, ONE_RATE
from polymath.reporting.next_step import OWN_DATA, describe_next_step
from polymath.reporting.rerun import Rerun
from support.report import MATRIX_ROWS, judged
from support.tables import table


def next_step(verdict: str, qualifier: str, *options: str, recipe: str = "default") -> str:
    row = judged("better", verdict, 0.2, qualifier=qualifier, recipe=recipe)
    matrix = table(MATRIX_ROWS, "matrix").assign(recipe=recipe)
    return describe_next_step(table([row], "claims"), matrix, Rerun(options), "results")


def test_a_verdict_at_one_rate_is_followed_by_a_choice_among_three() -> None:
    step = next_step("supported", ONE_RATE, "--config", "replicates=6")
    words = shlex.split(step[step.index("snakemake") :])
    assert words[:4] == ["snakemake", "--cores", "all", "--config"]
    config = parse_config(words[4:])
    assert config["replicates"] == 6
    rates = yaml.safe_load(words[-2].partition("=")[2])["default"]["learning_rate"]
    assert rates == pytest.approx([2.5e-5, 1e-4, 4e-4])


def test_present_results_are_not_replaced() -> None:
    step = next_step("supported", ONE_RATE)
    assert step.endswith(" results=results/rates")
    assert "about 2.1 times as many runs" in step


def test_the_rates_are_those_of_a_recipe_whatever_the_order_of_its_sequences() -> None:
    step = next_step("supported", f"{ONE_RATE}, over seeds alone", recipe="quick+shuffled-training")
    assert "recipes={quick: {learning_rate" in step


@pytest.mark.parametrize(
    ("verdict", "qualifier"), [("supported", AT_EDGE), ("undecided", ONE_RATE)]
)
def test_other_results_are_followed_by_the_reader_s_own_data(verdict: str, qualifier: str) -> None:
    assert next_step(verdict, qualifier) == OWN_DATA
    assert next_step(verdict, qualifier, "--configfile", "mine.yaml") == ""


def test_recipes_given_on_the_command_line_are_not_replaced() -> None:
    assert next_step("supported", ONE_RATE, "--config", "recipes={}") == OWN_DATA
