"""A recipe's schedule: steps, dev evaluations and learning rates. Imports no torch."""

import math
from dataclasses import dataclass

from polymath.experiment.recipes import TrainingRecipe


@dataclass(frozen=True)
class Schedule:
    """The schedule of a recipe on a number of training examples."""

    recipe: TrainingRecipe
    examples: int

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        assert self.recipe.epochs is not None
        steps_per_epoch = math.ceil(self.examples / self.recipe.batch_size)
        return max(1, math.ceil(self.recipe.epochs * steps_per_epoch))

    @property
    def evaluations(self) -> set[int]:
        """The steps after which dev is scored: evenly spaced, the last one included."""
        count = self.recipe.evaluations
        return {math.ceil(self.steps * number / count) for number in range(1, count + 1)}

    def rate(self, step: int) -> float:
        """Return the rate of step `step` (from 0), as transformers' schedules define it."""
        recipe, steps = self.recipe, self.steps
        warmup = math.ceil(recipe.warmup * steps)
        if step < warmup:
            return recipe.peak_rate * step / warmup
        if recipe.schedule == "constant":
            return recipe.peak_rate
        return recipe.peak_rate * (steps - step) / max(1, steps - warmup)
