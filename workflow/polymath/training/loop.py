"""Train one replicate: optimiser steps, dev scores, divergence."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.experiment.recipes import Schedule, TrainingRecipe
from polymath.training.acceleration.cuda_graphs import CapturedFunction, ReplicateStream
from polymath.training.acceleration.gpu_kernels import clip_in_optimiser
from polymath.training.batches import (
    Batch,
    BatchShape,
    EncodedSplit,
    batch_shape,
    batches_by_length,
    gather_batch,
    move_split,
    training_batches,
)
from polymath.util.seeds import named_seed

EVALUATION_BATCH = 64
Loss = Callable[[PreTrainedModel, Batch, str], torch.Tensor]
# Queues a prediction; returns a function that waits for it and computes the score.
QueuedScore = Callable[[], Callable[[], float]]


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve; the loss is the mean since the point before."""

    step: int
    examples: int
    train_loss: float
    dev_score: float
    seconds: float


@dataclass(frozen=True)
class Divergence:
    """Why a replicate ended early: the first step (from 1) whose result was not finite."""

    step: int
    dev_score: float | None
    """The last finite dev score, if there is one."""


@dataclass(frozen=True)
class _PendingScore:
    """A dev score that is queued: where in training, and what waits for it."""

    step: int
    examples: int
    collect: Callable[[], float]


class Run:
    """One replicate in training: its state, and how a step changes it.

    Batches and dropout are functions of the seeds and the step's number, so a checkpoint needs no
    state of the random number generators.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        train: EncodedSplit,
        recipe: TrainingRecipe,
        order_seed: int,
        dropout_seed: int,
        stream: ReplicateStream,
        precision: str,
        score_dev: QueuedScore,
        loss: Loss | None = None,
    ) -> None:
        """Prepare a run without computing anything.

        Args:
            model: in fp32, on its device, and trained in place; one output means regression.
            train: the training split; for regression, targets are standardised.
            precision: "fp32" or "bf16".
            score_dev: queues the model's current dev score; NaN if its logits are not finite.
            loss: the mean loss of a batch; default `batch_loss`.
        """
        self.model, self.recipe, self.stream, self.precision = model, recipe, stream, precision
        self.schedule = Schedule(recipe, len(train))
        self.steps, self.points = self.schedule.steps, self.schedule.evaluations
        self.dropout_seed, self.score_dev = dropout_seed, score_dev
        self.loss = loss or batch_loss
        self.data = move_split(train, model.device.type)
        self.optimiser = make_optimiser(model, recipe)
        self.step = 0
        self.losses = torch.full((self.steps,), math.nan, device=model.device)
        self.curve: list[CurvePoint] = []
        self.divergence: Divergence | None = None
        self._pending: list[_PendingScore] = []
        order = training_batches(train.lengths, recipe.batch_size, order_seed)
        batches = list(islice(order, self.steps))
        self._shapes = [batch_shape(train.lengths, rows, stream.buckets) for rows in batches]
        # The rows of all batches lie on the device: a copy per step would synchronise with it.
        self._rows = torch.from_numpy(np.concatenate(batches)).to(model.device)
        self._ends = np.cumsum([len(rows) for rows in batches])
        self._compute = CapturedFunction("step", self._work, stream, Counter(self._shapes))
        self._started: float | None = None
        self._seconds_before = 0.0

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to train."""
        return self.divergence is not None or self.step == self.steps

    @property
    def examples(self) -> int:
        """Training examples seen so far."""
        return int(self._ends[self.step - 1]) if self.step else 0

    @property
    def seconds(self) -> float:
        """Wall-clock time in training, interruptions left out."""
        return self._seconds_before + (time.monotonic() - self._started if self._started else 0)

    def advance(self) -> None:
        """Queue one optimiser step, and the dev score where the recipe asks for it.

        `collect` waits for that score; between the two other runs can queue theirs.
        """
        self._started = self._started or time.monotonic()
        with self.stream.activate():
            if self.step == 0:
                self._queue_score()
            for group in self.optimiser.param_groups:
                group["lr"].fill_(self.schedule.rate(self.step))
            rows = self._rows[self.examples : self._ends[self.step]]
            with self.stream.seeded(named_seed(self.dropout_seed, self.step)):
                self.losses[self.step].copy_(self._compute(rows, self._shapes[self.step]))
            self.step += 1
            if self.step in self.points:
                self._queue_score()

    def _work(self, rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        """Make one optimiser step, in the recipe's micro-batches; return the batch's mean loss."""
        self.model.train()
        self.optimiser.zero_grad()
        losses = []
        for micro in rows.tensor_split(min(self.recipe.accumulation, len(rows))):
            batch = gather_batch(self.data, micro, shape)
            loss = self.loss(self.model, batch, self.precision) * (len(micro) / len(rows))
            loss.backward()
            losses.append(loss.detach())
        self._clip()
        self.optimiser.step()
        return torch.stack(losses).sum()

    def _clip(self) -> None:
        clip_norm = self.recipe.clip_norm
        if clip_norm is None:
            return
        if self.stream.on_gpu:
            clip_in_optimiser(self.optimiser, clip_norm)
        else:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip_norm)

    def check(self) -> float:
        """Return the last loss; end the run if any loss was not finite.

        Synchronises with the device.
        """
        with self.stream.activate():
            done = self.losses[: self.step].cpu()
        bad = torch.nonzero(~torch.isfinite(done))
        if len(bad):
            self.diverge(int(bad[0]) + 1)
        return float(done[-1])

    def diverge(self, step: int) -> Divergence:
        """End the run at the first step whose result is not finite; drop later scores."""
        self.curve = [point for point in self.curve if point.step < step]
        score = self.curve[-1].dev_score if self.curve else None
        self.divergence = Divergence(step, score)
        return self.divergence

    def _queue_score(self) -> None:
        self._pending.append(_PendingScore(self.step, self.examples, self.score_dev()))

    def collect(self) -> None:
        """Add the queued scores to the curve; end the run if it has diverged.

        Synchronises with the device, if a score is queued.
        """
        pending, self._pending = self._pending, []
        with self.stream.activate():
            for score in pending:
                self._add_point(score)

    def _add_point(self, pending: _PendingScore) -> None:
        if pending.step:
            self.check()
        if self.divergence:
            return
        score = pending.collect()
        if math.isnan(score):
            self.diverge(max(1, pending.step))
            return
        since = self.curve[-1].step if self.curve else 0
        losses = self.losses[since : pending.step].double()
        loss = float(losses.mean()) if len(losses) else math.nan
        point = CurvePoint(pending.step, pending.examples, loss, score, self.seconds)
        self.curve.append(point)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all tensors that training changes, on the host: weights, moments, losses."""
        tensors = {f"model.{name}": value for name, value in _untied_state(self.model).items()}
        for number, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in moments.items()}
        tensors["losses"] = self.losses
        with self.stream.activate():
            return {name: value.detach().cpu() for name, value in tensors.items()}

    def restore(
        self, state: dict[str, torch.Tensor], step: int, curve: list[CurvePoint], seconds: float
    ) -> None:
        """Continue after `step` from a checkpoint's state, before anything was computed."""
        assert not self._compute.graphs, "they would go on using the tensors that are replaced"
        weights = {n.removeprefix("model."): v for n, v in state.items() if n.startswith("model.")}
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".")
                moments.setdefault(int(number), {})[key] = value
        groups = self.optimiser.state_dict()["param_groups"]
        with self.stream.activate():
            self.model.load_state_dict(weights, strict=False)  # frozen and tied ones are left out
            self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
            self.losses.copy_(state["losses"])
        self._compute.planned = Counter(self._shapes[step:])
        self.step, self.curve, self._seconds_before = step, list(curve), seconds


def _untied_state(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the tensors that are not frozen; tied weights appear once, by their first name."""
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    named: dict[int, tuple[str, torch.Tensor]] = {}
    for name, value in model.state_dict().items():
        if name not in frozen:
            named.setdefault(value.data_ptr(), (name, value))
    return dict(named.values())


def make_optimiser(model: PreTrainedModel, recipe: TrainingRecipe) -> torch.optim.AdamW:
    """Return AdamW for all parameters that are not frozen; weight decay applies to matrices only.

    The learning rate is a tensor on the model's device, which a captured step reads again.
    """
    embedding = model.get_input_embeddings().weight
    trained = [p for p in model.parameters() if p.requires_grad]
    decaying = [p for p in trained if p.ndim > 1 and p is not embedding]
    others = [p for p in trained if p.ndim <= 1 or p is embedding]
    groups = [
        {"params": params, "weight_decay": decay, "lr": torch.zeros((), device=model.device)}
        for params, decay in ((decaying, recipe.weight_decay), (others, 0.0))
    ]
    return torch.optim.AdamW(groups, fused=True, capturable=model.device.type == "cuda")


def batch_loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
    """Return the mean loss of a batch."""
    return mean_loss(forward(model, batch, precision), batch.targets)


def mean_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean of cross-entropy, or of squared error for one output.

    Args:
        targets: (b,) class numbers or values; of sets of labels (b, labels), whose loss is the mean
            over labels of binary cross-entropy.
    """
    if targets.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, targets.float())
    if logits.shape[1] == 1:
        return F.mse_loss(logits[:, 0], targets.float())
    return F.cross_entropy(logits, targets.long())


def forward(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
    """Return fp32 logits (b, outputs), or (b, t, tokens) of a masked language model."""
    with autocast(batch.ids.device.type, precision):
        logits: torch.Tensor = model(**model_inputs(batch)).logits
    return logits.float()


def model_inputs(batch: Batch) -> dict[str, torch.Tensor | None]:
    """Return a batch by transformers' argument names; token_type_ids only where needed."""
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
    return inputs if batch.types is None else {**inputs, "token_type_ids": batch.types}


def autocast(device: str, precision: str) -> AbstractContextManager[None]:
    """Return the context in which matrix products run in the given precision."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")


class Predictor:
    """Compute the logits of one split, repeatedly as the model learns."""

    def __init__(
        self,
        model: PreTrainedModel,
        data: EncodedSplit,
        precision: str,
        stream: ReplicateStream,
        calls: int,
    ) -> None:
        """Prepare without computing anything.

        Args:
            calls: how often the split will be predicted.
        """
        self.model, self.precision = model, precision
        self.data = move_split(data, model.device.type)
        self.batches = [
            (
                torch.from_numpy(rows).to(model.device),
                batch_shape(data.lengths, rows, stream.buckets),
            )
            for rows in batches_by_length(data.lengths, EVALUATION_BATCH)
        ]
        planned = Counter(shape for _, shape in self.batches * calls)
        self._compute = CapturedFunction("prediction", self._work, stream, planned)

    def __call__(self) -> NDArray[np.float64]:
        """Return logits (n, outputs) in evaluation mode, in the order of the data."""
        return self.queue()()

    def queue(self) -> Callable[[], NDArray[np.float64]]:
        """Queue the logits; return a function that waits for them on the same stream."""
        self.model.eval()
        outputs = self.model.config.num_labels
        logits = torch.empty(len(self.data.ids), outputs, device=self.model.device)
        for rows, shape in self.batches:
            logits[rows] = self._compute(rows, shape)
        return lambda: logits.cpu().numpy().astype(np.float64)

    @torch.no_grad()
    def _work(self, rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        return forward(self.model, gather_batch(self.data, rows, shape), self.precision)


def train(runs: list[Run]) -> Iterator[None]:
    """Train replicates side by side, one step of each in turn; yield after each turn.

    The work of all of them is queued before anything waits for a score.
    """
    while active := [run for run in runs if not run.ended]:
        for run in active:
            run.advance()
        for run in active:
            run.collect()
        yield
