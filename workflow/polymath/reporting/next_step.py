"""The command that follows from an experiment's results."""

from collections.abc import Sequence

import pandas as pd

from polymath.evaluation.rate_sensitivity import ONE_RATE
from polymath.experiment.conditions import NONE
from polymath.reporting.power import command_with

FACTOR = 4  # between learning rates to try
OWN_DATA = "Next, the same question on your own sequences: python -m polymath new FILE"


def describe_next_step(claims: pd.DataFrame, matrix: pd.DataFrame, options: Sequence[str]) -> str:
    """Return what to do next, with its command; empty where nothing more is known to help.

    Where a verdict rests on a single learning rate, each arm is to choose among three. After the
    default experiment, the question is that of the reader's own data.

    Args:
        options: configuration options of the command that ran the experiment.
    """
    decided = claims[(claims["verdict"] != "undecided") & (claims["qualifier"] == ONE_RATE)]
    rates = matrix[matrix["init"] != NONE].set_index("recipe")["learning_rate"].dropna()
    recipes = [recipe for recipe in dict.fromkeys(decided["recipe"]) if recipe in rates.index]
    if not recipes or any(word.startswith("recipes=") for word in options):
        return "" if "--configfile" in options else OWN_DATA
    tried = ", ".join(
        f"{recipe}: {{learning_rate: [{_list_rates(rates[[recipe]].iloc[0])}]}}"
        for recipe in recipes
    )
    command = command_with("recipes", f"{{{tried}}}", options)
    return f"Next, each arm at its own learning rate, which takes more runs: {command}"


def _list_rates(rate: float) -> str:
    """Return a rate between a lower and a higher one, as YAML reads numbers."""
    return ", ".join(f"{each:.2e}" for each in (rate / FACTOR, rate, rate * FACTOR))
