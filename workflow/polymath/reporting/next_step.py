"""The command that follows from an experiment's results."""

import pandas as pd

from polymath.evaluation.rate_sensitivity import ONE_RATE
from polymath.experiment.command_line import DEFAULT_RESULTS
from polymath.experiment.conditions import NONE
from polymath.experiment.input_orders import without_order
from polymath.experiment.recipes import Recipe
from polymath.reporting.rerun import Rerun

RATES = 3
FACTOR = 4  # between learning rates to try
OWN_DATA = "Next, the same question on your own sequences: python -m polymath new FILE"


def describe_next_step(
    claims: pd.DataFrame, matrix: pd.DataFrame, rerun: Rerun, results: str
) -> str:
    """Return what to do next, with its command; empty where nothing more is known to help.

    Where a verdict rests on a single learning rate, each arm is to choose among three, in a folder
    of its own: the present results would be replaced otherwise. After the default experiment, the
    question is that of the reader's own data.

    Args:
        results: folder of the present results.
    """
    at_one_rate = claims["qualifier"].fillna("").str.contains(ONE_RATE, regex=False)
    concerned = claims[at_one_rate]
    is_decided = (concerned["verdict"] != "undecided").any()
    trained = matrix[matrix["init"] != NONE]
    rates = trained.set_index("recipe")["learning_rate"].dropna()
    recipes = [recipe for recipe in dict.fromkeys(concerned["recipe"]) if recipe in rates.index]
    if not (recipes and is_decided) or any(word.startswith("recipes=") for word in rerun.options):
        return "" if "--configfile" in rerun.options else OWN_DATA
    tried = {
        without_order(recipe): {"learning_rate": _rates_around(float(rates[[recipe]].iloc[0]))}
        for recipe in recipes
    }
    folder = f"{results}/rates" if results == DEFAULT_RESULTS else f"{results}-rates"
    command = rerun.command({"recipes": tried, "results": folder})
    trials = RATES * Recipe.model_fields["rate_replicates"].default
    times = 1 + trials / concerned["n"].max()
    return (
        f"Next, each arm at the best of {RATES} learning rates, which takes about {times:.2g} "
        f"times as many runs; the results go to {folder}: {command}"
    )


def _rates_around(rate: float) -> list[float]:
    """Return a rate between a lower and a higher one, without digits of division."""
    return [float(f"{each:.3g}") for each in (rate / FACTOR, rate, rate * FACTOR)]
