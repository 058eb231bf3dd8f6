"""How a model is trained: every key here changes results; and the schedule that follows."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from polymath.experiment.base import StrictModel

Rate = Annotated[float, Field(gt=0, lt=1)]


class TrainingRecipe(StrictModel):
    """What fine-tuning and pre-training have in common."""

    batch_size: int = Field(ge=1, le=100_000, description="examples per optimiser step")
    accumulation: int = Field(1, ge=1, le=100_000, description="micro-batches per optimiser step")
    epochs: float | None = Field(
        None, gt=0, le=10_000, description="passes over the training split"
    )
    steps: int | None = Field(
        None, ge=1, le=10_000_000, description="optimiser steps, instead of epochs"
    )
    weight_decay: float = Field(
        0.0, ge=0, le=1_000, description="of matrices (not embeddings, biases)"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of steps with rising rate")
    schedule: Literal["linear", "constant"] = Field("linear", description="after the warm-up")
    clip_norm: float | None = Field(None, gt=0, le=1_000_000, description="largest gradient norm")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="all dropout rates; null: as the model's configuration says"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 autocast where the hardware has it, else fp32"
    )
    evaluations: int = Field(10, ge=1, le=10_000, description="dev scores along the curve")

    @property
    def peak_rate(self) -> float:
        """The one learning rate to train with."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _budget_is_stated_once(self) -> "TrainingRecipe":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("set either 'epochs' or 'steps'")
        if self.batch_size % self.accumulation:
            raise ValueError("'accumulation' must divide 'batch_size'")
        return self


class Recipe(TrainingRecipe):
    """How a model is fine-tuned."""

    learning_rate: Rate | Annotated[tuple[Rate, ...], Field(min_length=1)] = Field(
        description="the highest, after the warm-up; from a list, each condition takes the rate "
        "that is best on dev"
    )
    rate_replicates: int = Field(
        3,
        ge=1,
        le=1_000,
        description="replicates that choose among several rates; their seeds are their own, and "
        "they are not reported",
    )
    tuning: Literal["full", "head", "layer-norms", "lora"] = Field(
        "full",
        description="what is trained: everything; the new head alone; the head and the layer "
        "norms; the head and low-rank additions to the matrices",
    )
    lora_rank: int = Field(8, ge=1, le=10_000, description="for tuning lora")
    # Came later than kept results, which do not state it.
    pooling: Literal["cls", "mean", "max"] = Field(
        "cls",
        exclude_if=lambda pooling: pooling == "cls",
        description="what the head reads of the last hidden states: what the model's own head does "
        "(cls: the first position of most encoders, the last of a decoder), or the mean or the "
        "maximum over all positions but padding",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        exclude_if=lambda weights: weights == "none",
        description="balanced: in the loss of classes, each training row weighs n / (K n_c) for n "
        "rows, K classes and n_c rows of its class (multi-label: for each label, of the rows that "
        "have it and those that lack it); regressions have no weights",
    )

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates to choose from, in the order given."""
        rates = self.learning_rate
        return rates if isinstance(rates, tuple) else (rates,)

    @property
    def trials(self) -> int:
        """How many replicates each learning rate is tried with; 0 if there is one rate only."""
        return self.rate_replicates if len(self.rates) > 1 else 0

    @property
    def peak_rate(self) -> float:
        """The learning rate to train with; `at` chooses one of several first."""
        (rate,) = self.rates
        return rate

    def at(self, rate: float) -> "Recipe":
        """Return the recipe with this rate only."""
        default = Recipe.model_fields["rate_replicates"].default
        return self.model_copy(update={"learning_rate": rate, "rate_replicates": default})

    @model_validator(mode="after")
    def _rates_differ(self) -> "Recipe":
        if len(set(self.rates)) != len(self.rates):
            raise ValueError("'learning_rate' names a rate twice")
        return self


class PretrainingRecipe(TrainingRecipe):
    """How a masked language model is trained."""

    learning_rate: Rate = Field(description="the highest, after the warm-up")
    masked: float = Field(0.15, gt=0, lt=1, description="share of the symbols to predict")

    @property
    def peak_rate(self) -> float:
        """The one learning rate to train with."""
        return self.learning_rate


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
