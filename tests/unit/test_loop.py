"""The training loop, against Hugging Face's Trainer."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Trainer, TrainingArguments, get_linear_schedule_with_warmup

from conftest import FAMILIES
from polymath.config import Recipe
from polymath.models import build_classifier, compact_embeddings, restore_embeddings
from polymath.training.batches import (
    Batch,
    Encoded,
    Shape,
    epoch_order,
    move_data,
    shape_of,
    take_batch,
    training_order,
)
from polymath.training.capture import Lane, Recorder, Repeated
from polymath.training.loop import Divergence, Predictor, Run, Schedule
from polymath.training.loop import train as train_side_by_side
from polymath.training.memory import (
    BYTES_A_PARAMETER,
    MARGIN,
    fit_side_by_side,
    replicate_bytes,
)
from small_jobs import recipe_of, some_data

Checkpoint = Callable[[str], Path]
STEPS = 56
RATE = 3e-3


def make_run(model: Any, data: Encoded, recipe: Recipe, score: float = 0.0) -> Run:
    return Run(model, data, recipe, 3, 0, Lane("cpu"), "fp32", lambda: score)


def train(model: Any, data: Encoded, recipe: Recipe) -> list[float]:
    """Train and return the loss of each step."""
    run = make_run(model, data, recipe)
    for _ in train_side_by_side([run]):
        pass
    losses: list[float] = run.losses.tolist()
    return losses


def predict(model: Any, data: Encoded) -> Any:
    return Predictor(model, data, "fp32", None)()


EMBEDDING = ("word_embeddings.weight", "tok_embeddings.weight")


class RecordingTrainer(Trainer):
    """Transformers' Trainer, fed in a given order, that keeps each step's loss."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.losses: list[float] = []
        # Otherwise it adds up the micro-batches' mean losses without dividing by their number,
        # because the models' forward takes keywords that their classification loss ignores.
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def get_decay_parameter_names(self, model: Any) -> Any:
        names = super().get_decay_parameter_names(model)
        return [name for name in names if not name.endswith(EMBEDDING)]

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        loss = super().compute_loss(*arguments, **named)
        self.losses.append(float((loss[0] if isinstance(loss, tuple) else loss).detach()))
        return loss


def train_with_trainer(model: Any, data: Encoded, folder: Path, recipe: Recipe) -> list[float]:
    """Train with Trainer on the same rows in the same order; return each step's loss."""
    rows: list[dict[str, Any]] = []
    for number, batch in enumerate(training_order(data.lengths, 8, 3)):
        if number == STEPS:
            break
        rows += [{"ids": data.ids[row], "label": int(data.targets[row])} for row in batch]

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["ids"]) for row in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(batch):
            ids[place, : len(row["ids"])] = torch.tensor(row["ids"])
            mask[place, : len(row["ids"])] = 1
        labels = torch.tensor([row["label"] for row in batch])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=1,
        per_device_train_batch_size=8 // recipe.accumulation,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=RATE, weight_decay=recipe.weight_decay,
        warmup_steps=math.ceil(recipe.warmup * STEPS), max_grad_norm=recipe.clip_norm or 0.0,
        lr_scheduler_type="linear", use_cpu=True, report_to=[], save_strategy="no",
        logging_strategy="no", remove_unused_columns=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = RecordingTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=collate
    )
    trainer.train()
    micro = np.array(trainer.losses).reshape(STEPS, recipe.accumulation)
    losses: list[float] = micro.mean(axis=1).tolist()
    return losses


MODERN = {"warmup": 0.1, "clip_norm": 1.0, "weight_decay": 0.01}
PAPER = {"warmup": 0.0, "clip_norm": None, "weight_decay": 0.0, "accumulation": 2}


@pytest.mark.parametrize("changes", [{}, MODERN, PAPER], ids=["base", "modern", "paper"])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_losses_and_logits_agree_with_transformers_trainer(
    family: str, changes: dict[str, object], checkpoint: Checkpoint, tmp_path: Path
) -> None:
    data, recipe = some_data(), recipe_of(**changes)
    ours = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    theirs = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    mine = train(ours, data, recipe)
    reference = train_with_trainer(theirs, data, tmp_path, recipe)
    assert len(mine) == len(reference) == STEPS
    np.testing.assert_allclose(mine, reference, rtol=1e-5)
    assert min(mine) < 0.9 * mine[0], "the runs must have learned something to compare"
    np.testing.assert_allclose(predict(ours, data), predict(theirs, data), atol=1e-4)


def test_accumulated_micro_batches_equal_one_batch(checkpoint: Checkpoint) -> None:
    data = some_data()
    whole = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    parts = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    one = train(whole, data, recipe_of())
    four = train(parts, data, recipe_of(accumulation=4))
    np.testing.assert_allclose(one, four, rtol=1e-4)


def test_every_part_of_the_recipe_changes_the_run(checkpoint: Checkpoint) -> None:
    data, folder = some_data(), checkpoint("bert")

    def losses(dropout: float | None = 0.0, **changes: object) -> list[float]:
        model = build_classifier(folder, "pretrained", 3, 0, dropout)
        return train(model, data, recipe_of(steps=6, warmup=0.3, **changes))

    base = losses()
    assert losses() == base
    for changed in (
        losses(learning_rate=RATE / 2), losses(weight_decay=0.5), losses(clip_norm=0.01),
        losses(schedule="constant"), losses(dropout=0.3), losses(batch_size=4),
    ):  # fmt: skip
        assert changed != base


def test_learning_rate_is_that_of_transformers_schedule() -> None:
    steps = 47
    recipe = recipe_of(warmup=0.13, steps=steps)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimiser, math.ceil(0.13 * steps), steps)
    for step in range(steps):
        assert Schedule(recipe, 64).rate(step) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


@given(st.lists(st.integers(3, 90), min_size=1, max_size=300), st.integers(1, 32))
def test_an_epoch_has_every_row_once(lengths: list[int], batch_size: int) -> None:
    batches = list(epoch_order(np.array(lengths), batch_size, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size


@given(st.lists(st.integers(3, 600), min_size=2, max_size=40))
def test_a_bucket_holds_its_rows_and_wastes_little(values: list[int]) -> None:
    lengths = np.array(values)
    rows = np.arange(len(lengths) // 2 + 1)
    exact, rounded = (shape_of(lengths, rows, buckets) for buckets in (False, True))
    longest = lengths[rows].max()
    assert exact.length == longest
    assert longest <= rounded.length <= min(lengths.max(), longest * 1.07 + 1)
    assert rounded.padded == (lengths[rows].min() < rounded.length)


def test_there_are_few_buckets() -> None:
    lengths = np.arange(1, 513)
    assert len({shape_of(lengths, np.array([row]), True).length for row in range(512)}) <= 96


def test_a_small_set_is_cut_into_two_pools_at_least() -> None:
    lengths = np.arange(160)  # all different: a single pool would give the same batches each time
    generator = np.random.default_rng(0)
    epochs = [{tuple(sorted(rows)) for rows in epoch_order(lengths, 8, generator)} for _ in "ab"]
    assert len(epochs[0] & epochs[1]) <= 1


def test_batches_of_mixed_lengths_waste_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 66, 4000)
    order = epoch_order(lengths, 16, np.random.default_rng(1))
    computed = sum(len(rows) * lengths[rows].max() for rows in order)
    assert lengths.sum() / computed > 0.95


def test_equal_lengths_are_shuffled_afresh_each_epoch() -> None:
    orders = training_order(np.full(40, 9), 8, 0)
    epochs = [np.concatenate([next(orders) for _ in range(5)]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(40))
    assert epochs[0] != epochs[1] != list(range(40))


def test_only_padded_batches_have_a_mask() -> None:
    data = some_data()
    resident = move_data(data, "cpu")

    def batch_of(rows: Any) -> Any:
        return take_batch(resident, torch.from_numpy(rows), shape_of(data.lengths, rows, False))

    assert batch_of(np.flatnonzero(data.lengths == data.lengths[0])).mask is None
    ends = np.array([int(data.lengths.argmin()), int(data.lengths.argmax())])
    batch = batch_of(ends)
    assert batch.mask.sum(dim=1).tolist() == [data.lengths.min(), data.lengths.max()]
    for row, place in zip(ends, range(2), strict=True):
        assert batch.ids[place, : data.lengths[row]].tolist() == data.ids[row].tolist()
        assert set(batch.ids[place, data.lengths[row] :].tolist()) <= {data.padding}


def test_steps_and_evaluations() -> None:
    assert Schedule(recipe_of(steps=None, epochs=2.0), 33).steps == 10
    assert Schedule(recipe_of(), 33).steps == STEPS
    assert Schedule(recipe_of(steps=10, evaluations=4), 33).evaluations == {3, 5, 8, 10}


def test_training_only_the_rows_in_use_gives_the_same_weights_as_training_all(
    checkpoint: Checkpoint,
) -> None:
    data, recipe = some_data(), recipe_of(weight_decay=0.1)
    for family in sorted(FAMILIES):
        whole = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
        small = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
        untrained = whole.get_input_embeddings().weight.detach().clone()
        padding = small.config.pad_token_id
        used = {int(token) for row in data.ids for token in row} | {padding}
        assert len(used) < len(untrained) / 2
        tokens = compact_embeddings(small, sorted(used))
        renamed = [np.array([tokens[int(token)] for token in row]) for row in data.ids]
        train(whole, replace(data, padding=padding), recipe)
        train(small, replace(data, ids=renamed, padding=tokens[padding]), recipe)

        rebuilt = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
        restore_embeddings(rebuilt, small, tokens)
        for name, value in whole.state_dict().items():
            # The gradient's norm adds up the same numbers in another order.
            torch.testing.assert_close(rebuilt.state_dict()[name], value, rtol=0, atol=2e-5)
        trained = rebuilt.get_input_embeddings().weight
        unused = sorted(set(range(len(untrained))) - used)
        assert torch.equal(trained[unused], untrained[unused])
        assert not torch.equal(trained[sorted(used)], untrained[sorted(used)])


class ReplayingLane(Lane):
    """A lane that records as a GPU does, but on the CPU: fixed inputs and outputs."""

    recorded = 0

    @property
    def recorder(self) -> Recorder:
        return self._record_on_cpu

    def _record_on_cpu(
        self, work: Callable[[], torch.Tensor]
    ) -> tuple[Callable[[], None], torch.Tensor]:
        type(self).recorded += 1
        output = torch.full((), math.nan)

        def replay() -> None:
            result = work()
            output.resize_(result.shape).copy_(result)

        return replay, output


def dropout_run(checkpoint: Checkpoint, seed: int, lane: Lane) -> Run:
    model = build_classifier(checkpoint("bert"), "pretrained", 3, seed, 0.2)
    data = some_data()
    predictor = Predictor(model, data, "fp32", lane.recorder)
    recipe = recipe_of(evaluations=6)
    return Run(model, data, recipe, seed, seed, lane, "fp32", lambda: float(predictor().sum()))


def test_replayed_steps_are_those_computed_afresh(checkpoint: Checkpoint) -> None:
    plain, replayed = (dropout_run(checkpoint, 1, lane) for lane in
                       (Lane("cpu"), ReplayingLane("cpu")))  # fmt: skip
    for run in (plain, replayed):
        for _ in train_side_by_side([run]):
            pass
    assert ReplayingLane.recorded > 4
    assert torch.equal(plain.losses, replayed.losses)
    scores = [[point.dev_score for point in run.curve] for run in (plain, replayed)]
    assert scores[0] == scores[1]


def test_a_shape_is_recorded_when_it_recurs_and_then_replayed() -> None:
    calls: list[str] = []

    def work(rows: torch.Tensor, shape: Shape) -> torch.Tensor:
        calls.append("work")
        return rows.double().sum()

    lane = ReplayingLane("cpu")
    repeated = Repeated(work, lane.recorder)
    before = ReplayingLane.recorded
    shape, other = Shape(2, 9, True), Shape(2, 10, True)
    totals = [float(repeated(torch.tensor([1, step]), shape)) for step in range(5)]
    assert totals == [1, 2, 3, 4, 5]
    assert ReplayingLane.recorded == before + 1
    assert float(repeated(torch.tensor([5, 6]), other)) == 11
    assert ReplayingLane.recorded == before + 1


class RefusingLane(Lane):
    """A lane whose recorder fails, as for a model that asks the device for a value."""

    @property
    def recorder(self) -> Recorder:
        def refuse(work: Callable[[], torch.Tensor]) -> Any:
            work()
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

        return refuse


def test_a_model_that_cannot_be_recorded_is_trained_step_by_step(
    caplog: pytest.LogCaptureFixture,
) -> None:

    def work(rows: torch.Tensor, shape: Shape) -> torch.Tensor:
        return rows.double().sum()

    caplog.set_level("INFO", "polymath")
    repeated = Repeated(work, RefusingLane("cpu").recorder)
    totals = [float(repeated(torch.tensor([step]), Shape(1, 9, True))) for step in range(5)]
    assert totals == [0, 1, 2, 3, 4]
    assert [record.getMessage() for record in caplog.records] == [
        "this model cannot be recorded (operation not permitted when stream is capturing): "
        "it runs step by step, more slowly"
    ]


def test_a_replicate_does_not_depend_on_those_beside_it(checkpoint: Checkpoint) -> None:
    alone = dropout_run(checkpoint, 2, Lane("cpu"))
    for _ in train_side_by_side([alone]):
        pass
    group = [dropout_run(checkpoint, seed, Lane("cpu")) for seed in (1, 2, 3)]
    for _ in train_side_by_side(group):
        pass
    assert torch.equal(alone.losses, group[1].losses)
    assert not torch.equal(group[0].losses, group[1].losses)
    for name, value in alone.model.state_dict().items():
        assert torch.equal(value, group[1].model.state_dict()[name])


@pytest.mark.parametrize("at", [1, 17, 55])
def test_a_run_restored_after_any_step_ends_as_if_it_had_not_stopped(
    at: int, checkpoint: Checkpoint
) -> None:
    straight = dropout_run(checkpoint, 2, Lane("cpu"))
    turns = train_side_by_side([straight])
    for _ in range(at):
        next(turns)
    state = {name: value.detach().clone() for name, value in straight.state().items()}
    curve = list(straight.curve)
    resumed = dropout_run(checkpoint, 9, Lane("cpu"))  # other weights, to be replaced
    resumed = Run(resumed.model, some_data(), straight.recipe, 2, 2, Lane("cpu"), "fp32",
                  resumed.score_dev)  # fmt: skip
    resumed.restore(state, at, curve, 5.0)
    for run in (straight, resumed):
        for _ in train_side_by_side([run]):
            pass
    assert torch.equal(straight.losses, resumed.losses)
    assert [p.dev_score for p in straight.curve] == [p.dev_score for p in resumed.curve]
    assert resumed.curve[-1].seconds > 5
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_with_its_step_and_last_score(
    bad: float, checkpoint: Checkpoint
) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    calls = iter(range(1000))

    def spoil(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output * bad if module.training and next(calls) == 20 else output

    model.classifier.register_forward_hook(spoil)
    recipe = recipe_of(evaluations=7)
    scores = iter(range(100))
    data = some_data()
    run = Run(model, data, recipe, 3, 0, Lane("cpu"), "fp32", lambda: float(next(scores)))
    for _ in train_side_by_side([run]):
        pass
    # Scored before the first step, after 8 and after 16: the loss of the 21st step is bad.
    assert run.divergence == Divergence(21, 2.0)
    assert [point.step for point in run.curve] == [0, 8, 16]


def test_logits_that_are_not_finite_end_the_run(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    run = make_run(model, some_data(), recipe_of(), score=math.nan)
    for _ in train_side_by_side([run]):
        pass
    assert run.divergence == Divergence(1, None)


def test_the_rest_of_the_replicates_goes_on_when_one_diverges(checkpoint: Checkpoint) -> None:
    good = dropout_run(checkpoint, 2, Lane("cpu"))
    bad = make_run(build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0), some_data(),
                   recipe_of(), score=math.nan)  # fmt: skip
    for _ in train_side_by_side([bad, good]):
        pass
    assert bad.divergence
    assert good.step == STEPS
    assert good.divergence is None


def test_memory_grows_with_the_batch_and_with_its_length(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    weights = MARGIN * BYTES_A_PARAMETER * model.num_parameters()

    def activations(rows: int, length: int) -> float:
        ids = torch.full((rows, length), 8)
        batch = Batch(ids, torch.ones_like(ids), torch.zeros(rows))
        return replicate_bytes(model, batch, "fp32") - weights

    assert activations(16, 20) / activations(8, 20) == pytest.approx(2, rel=0.02)
    assert activations(8, 40) / activations(8, 20) == pytest.approx(2, rel=0.02)
    model.set_attn_implementation("eager")  # keeps a square of the length
    assert 2.1 < activations(8, 40) / activations(8, 20) < 4


def test_memory_of_one_linear_layer_is_what_autograd_keeps() -> None:
    class OneLayer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(10, 3)

        def num_parameters(self) -> int:
            return 33

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return SimpleNamespace(logits=self.layer(input_ids.float()))

    ids = torch.ones(4, 10, dtype=torch.long)
    batch = Batch(ids, None, torch.zeros(4))
    model: Any = OneLayer()
    # The layer's input (4 × 10 floats), the log-probabilities (4 × 3 floats), the targets
    # (4 longs), and the loss' total weight (one float).
    kept = 4 * 10 * 4 + 4 * 3 * 4 + 4 * 8 + 4
    assert replicate_bytes(model, batch, "fp32") == int(MARGIN * (16 * 33 + kept))


def test_as_many_replicates_side_by_side_as_fit() -> None:
    assert fit_side_by_side(needed=10, free=100, wanted=20) == 9
    assert fit_side_by_side(needed=10, free=100, wanted=3) == 3
    assert fit_side_by_side(needed=1000, free=100, wanted=3) == 1
