"""Which of a recipe's learning rates a condition takes: the best on dev, never looking at test."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polymath.training.replicate_store import Replicate


@dataclass(frozen=True)
class Trial:
    """How one learning rate did on dev: the last score of each replicate that tried it.

    A replicate that diverged has no score.
    """

    learning_rate: float
    dev_scores: tuple[float | None, ...]

    @property
    def diverged(self) -> int:
        """How many replicates diverged."""
        return sum(score is None for score in self.dev_scores)

    @property
    def mean(self) -> float:
        """Mean dev score of the replicates that finished; minus infinity if none did."""
        finished = [score for score in self.dev_scores if score is not None]
        return float(np.mean(finished)) if finished else -math.inf


def summarise_trial(rate: float, results: Sequence[Replicate]) -> Trial:
    """Return what a rate's replicates scored on dev at the end of training."""
    return Trial(
        rate,
        tuple(
            None if result.divergence else float(result.curve["dev_score"].iloc[-1])
            for result in results
        ),
    )


def choose_rate(trials: Mapping[float, Trial]) -> float:
    """Return the rate with the fewest diverged replicates, then the best mean dev score; of equal
    ones the lowest.
    """
    return min(trials, key=lambda rate: (trials[rate].diverged, -trials[rate].mean, rate))
