"""The training loop of one replicate, from top to bottom."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.config import Recipe
from polymath.errors import PolymathError
from polymath.training.batches import Batch, Encoded, make_batch, training_order

EVALUATION_BATCH = 64
REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve; the loss is the mean since the point before."""

    step: int
    examples: int
    train_loss: float
    dev_score: float
    seconds: float


@dataclass(frozen=True)
class Progress:
    """What is said while training: where it is, and what it has reached."""

    step: int
    steps: int
    loss: float
    dev_score: float


def count_steps(recipe: Recipe, examples: int) -> int:
    """Return the number of optimiser steps of a recipe on so many training examples."""
    if recipe.steps is not None:
        return recipe.steps
    assert recipe.epochs is not None
    return max(1, math.ceil(recipe.epochs * math.ceil(examples / recipe.batch_size)))


def learning_rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """Return the rate of step `step` (from 0), as transformers' schedules define it."""
    warmup = math.ceil(recipe.warmup * steps)
    if step < warmup:
        return recipe.learning_rate * step / warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * (steps - step) / max(1, steps - warmup)


def train_replicate(
    model: PreTrainedModel,
    train: Encoded,
    recipe: Recipe,
    order_seed: int,
    dropout_seed: int,
    device: str,
    precision: str,
    dev_score: Callable[[], float],
    report: Callable[[Progress], None],
) -> list[CurvePoint]:
    """Train `model` in place and return its learning curve.

    Args:
        model: in fp32, on `device`; one output means regression.
        train: the training split; for regression, targets are standardised.
        dev_score: scores the model as it is now.
        report: called every few seconds and after each evaluation.

    Raises:
        PolymathError: if the loss is not finite.
    """
    steps = count_steps(recipe, len(train))
    optimiser = make_optimiser(model, recipe)
    points = evaluation_steps(steps, recipe.evaluations)
    curve = [CurvePoint(0, 0, math.nan, dev_score(), 0.0)]
    torch.manual_seed(dropout_seed)
    examples, losses = 0, []
    started = reported = time.monotonic()
    model.train()
    for step, rows in enumerate(training_order(train.lengths, recipe.batch_size, order_seed), 1):
        rate = learning_rate_at(recipe, step - 1, steps)
        loss = train_step(model, optimiser, train, rows, recipe, rate, device, precision)
        if not math.isfinite(loss):
            raise PolymathError(
                f"the training loss became {loss} at step {step} of {steps}: lower the recipe's "
                "learning_rate, or set its clip_norm or precision: fp32"
            )
        examples += len(rows)
        losses.append(loss)
        if step in points:
            seconds = time.monotonic() - started
            curve.append(CurvePoint(step, examples, float(np.mean(losses)), dev_score(), seconds))
            model.train()
            losses = []
        if step in points or time.monotonic() - reported > REPORT_SECONDS:
            report(Progress(step, steps, loss, curve[-1].dev_score))
            reported = time.monotonic()
        if step == steps:
            break
    return curve


def train_step(
    model: PreTrainedModel,
    optimiser: torch.optim.AdamW,
    train: Encoded,
    rows: NDArray[np.int64],
    recipe: Recipe,
    rate: float,
    device: str,
    precision: str,
) -> float:
    """Make one optimiser step on a batch, in the recipe's micro-batches; return its mean loss."""
    loss = 0.0
    for micro in np.array_split(rows, min(recipe.accumulation, len(rows))):
        batch = make_batch(train, micro, device)
        part = batch_loss(model, batch, precision) * (len(micro) / len(rows))
        part.backward()
        loss += part.item()
    if recipe.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad()
    return loss


def evaluation_steps(steps: int, evaluations: int) -> set[int]:
    """Return the steps after which dev is scored: evenly spaced, the last one included."""
    return {math.ceil(steps * number / evaluations) for number in range(1, evaluations + 1)}


def make_optimiser(model: PreTrainedModel, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW (Adam, if the recipe has no weight decay); matrices decay, the rest does not."""
    embedding = model.get_input_embeddings().weight
    decaying = [p for p in model.parameters() if p.ndim > 1 and p is not embedding]
    ids = {id(parameter) for parameter in decaying}
    others = [p for p in model.parameters() if id(p) not in ids]
    groups = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def batch_loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
    """Return the mean loss of a batch: cross-entropy, or squared error for one output."""
    logits = forward(model, batch, precision)
    if logits.shape[1] == 1:
        return F.mse_loss(logits[:, 0], batch.targets.float())
    return F.cross_entropy(logits, batch.targets.long())


def forward(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
    """Return fp32 logits (b, outputs)."""
    with autocast(batch.ids.device.type, precision):
        logits: torch.Tensor = model(input_ids=batch.ids, attention_mask=batch.mask).logits
    return logits.float()


def autocast(device: str, precision: str) -> AbstractContextManager[None]:
    """Return the context in which matrix products run in the given precision."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")


def predict(
    model: PreTrainedModel, data: Encoded, device: str, precision: str
) -> NDArray[np.float64]:
    """Return logits (n, outputs) in evaluation mode, in the order of the data."""
    model.eval()
    logits = np.empty((len(data), model.config.num_labels))
    for rows in _by_length(data):
        with torch.inference_mode():
            logits[rows] = forward(model, make_batch(data, rows, device), precision).cpu().numpy()
    return logits


def _by_length(data: Encoded) -> Iterator[NDArray[np.int64]]:
    order = np.argsort(data.lengths, kind="stable")
    for start in range(0, len(order), EVALUATION_BATCH):
        yield order[start : start + EVALUATION_BATCH]
