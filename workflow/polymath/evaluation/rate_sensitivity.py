"""How each condition's dev score depends on the learning rate, where several were tried.

A poor rate for one arm flatters the other, so each condition takes the rate that is best for it on
dev. This table shows the scores of all rates that were tried. A verdict on arms whose rates were
not chosen, or were chosen at the edge of those tried, says so: it carries a qualifier.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.metrics import limits_of
from polymath.evaluation.statistics import estimate_mean
from polymath.evaluation.tables import CONDITION_COLUMNS, RATE_SCHEMA

ONE_RATE = "at one learning rate"
AT_EDGE = "at the edge of the learning rates tried"


@dataclass(frozen=True)
class RateChoice:
    """How a condition came by its learning rate."""

    tried: int
    at_edge: bool
    """The rate chosen is the lowest or highest tried: of two, every choice is."""


def read_choice(metadata: Mapping[str, Any]) -> RateChoice:
    """Return how a condition chose its rate, from the metadata of its curves."""
    rates = [trial["learning_rate"] for trial in metadata["rate_trials"]]
    at_edge = bool(rates) and metadata["learning_rate"] in (min(rates), max(rates))
    return RateChoice(max(1, len(rates)), at_edge)


def qualify(choices: Iterable[RateChoice]) -> str:
    """Return what a verdict on these arms must be read with; empty for well-chosen rates."""
    choices = list(choices)
    if any(choice.tried == 1 for choice in choices):
        return ONE_RATE
    return AT_EDGE if any(choice.at_edge for choice in choices) else ""


def list_rates(conditions: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per condition and rate that it tried: the final dev score over replicates.

    Args:
        conditions: the metadata of each one's curves, which say what was tried.
    """
    rows = [row for metadata in conditions for row in _rates_of(metadata)]
    return pd.DataFrame(rows, columns=RATE_SCHEMA.names)


def _rates_of(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one condition; none if it had one rate only."""
    trials = sorted(metadata["rate_trials"], key=lambda trial: trial["learning_rate"])
    for trial in trials:
        finished = [score for score in trial["dev_scores"] if score is not None]
        chosen = trial["learning_rate"] == metadata["learning_rate"]
        yield {
            **{name: metadata[name] for name in (*CONDITION_COLUMNS, "domain", "metric")},
            "learning_rate": trial["learning_rate"],
            "diverged": len(trial["dev_scores"]) - len(finished),
            **estimate_mean(np.array(finished)).within(*limits_of(metadata["metric"])).__dict__,
            "chosen": chosen,
            "at_edge": chosen and trial in (trials[0], trials[-1]),
        }
