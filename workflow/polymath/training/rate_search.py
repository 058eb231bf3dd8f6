"""Choose a condition's learning rate by its scores on the development set."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polymath.training.replicate_store import ReplicateResult


@dataclass(frozen=True)
class Trial:
    """The last dev score of each replicate trained with one learning rate.

    A replicate that diverged has None.
    """

    learning_rate: float
    dev_scores: tuple[float | None, ...]

    @property
    def diverged(self) -> int:
        """How many replicates diverged."""
        return sum(score is None for score in self.dev_scores)

    @property
    def mean(self) -> float:
        """Mean dev score of the replicates that did not diverge; minus infinity if all did."""
        finished = [score for score in self.dev_scores if score is not None]
        return float(np.mean(finished)) if finished else -math.inf


def summarise_trial(rate: float, results: Sequence[ReplicateResult]) -> Trial:
    """Return the dev scores of a rate's replicates at the end of training."""
    return Trial(
        rate,
        tuple(
            None if result.divergence else float(result.curve["dev_score"].iloc[-1])
            for result in results
        ),
    )


def choose_rate(trials: Mapping[float, Trial]) -> float:
    """Return the rate with the fewest diverged replicates, then the best mean dev score.

    Ties go to the lowest rate.
    """
    return min(trials, key=lambda rate: (trials[rate].diverged, -trials[rate].mean, rate))
