"""The training loop, against Hugging Face's Trainer."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainingArguments, get_linear_schedule_with_warmup

from polymath.experiment.recipes import Recipe, Schedule
from polymath.models.build import build_classifier
from polymath.models.compact_embeddings import compact_embeddings, restore_vocabulary
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.batches import EncodedSplit, training_batches
from polymath.training.loop import Divergence, Predictor, Run
from polymath.training.loop import train as train_side_by_side
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import recipe_of, some_data
from support.streams import dropout_run, losses_of

STEPS = 40
RATE = 3e-3


def make_run(
    model: Any, data: EncodedSplit, recipe: Recipe, score: Callable[[], float] = lambda: 0.0
) -> Run:
    return Run(model, data, recipe, 3, 0, ReplicateStream("cpu"), "fp32", lambda: score)


def train(model: Any, data: EncodedSplit, recipe: Recipe) -> list[float]:
    """Train and return the loss of each step."""
    (losses,) = losses_of(make_run(model, data, recipe))
    return losses


def predict(model: Any, data: EncodedSplit) -> Any:
    return Predictor(model, data, "fp32", ReplicateStream("cpu"), 1)()


EMBEDDING = ("word_embeddings.weight", "tok_embeddings.weight", "wte.weight", "embed_tokens.weight")


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


def train_with_trainer(model: Any, data: EncodedSplit, folder: Path, recipe: Recipe) -> list[float]:
    """Train with Trainer on the same rows in the same order; return each step's loss."""
    rows: list[dict[str, Any]] = []
    for number, batch in enumerate(training_batches(data.lengths, 8, 3)):
        if number == STEPS:
            break
        rows += [{"ids": data.ids[row], "label": data.targets[row]} for row in batch]

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["ids"]) for row in batch)
        ids = torch.full((len(batch), longest), data.padding)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(batch):
            ids[place, : len(row["ids"])] = torch.tensor(row["ids"])
            mask[place, : len(row["ids"])] = 1
        labels = torch.tensor(np.array([row["label"] for row in batch]))
        labels = labels.long() if labels.ndim == 1 else labels.float()
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


@pytest.mark.parametrize("changes", [MODERN, PAPER], ids=["modern", "paper"])
@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_losses_and_logits_agree_with_transformers_trainer(
    family: str, changes: dict[str, object], checkpoint: Checkpoint, tmp_path: Path
) -> None:
    ours = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    recipe = recipe_of(**changes)
    data = replace(some_data(), padding=ours.config.pad_token_id)
    theirs = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    prepare_for_training(ours, "fp32")  # as in a job
    mine = train(ours, data, recipe)
    reference = train_with_trainer(theirs, data, tmp_path, recipe)
    assert len(mine) == len(reference) == STEPS
    np.testing.assert_allclose(mine, reference, rtol=1e-5)
    assert min(mine) < 0.9 * mine[0], "the runs must have learned something to compare"
    np.testing.assert_allclose(predict(ours, data), predict(theirs, data), atol=1e-4)


def test_sets_of_labels_are_trained_as_by_transformers(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """Which takes torch's BCEWithLogitsLoss where the configuration states the problem."""
    data, recipe = some_data(), recipe_of(**MODERN)
    has = np.eye(3)[data.targets.astype(int)]
    has[::3, 1] = 1
    data = replace(data, targets=has)
    ours, theirs = (build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0) for _ in range(2))
    theirs.config.problem_type = "multi_label_classification"
    losses = train(ours, data, recipe)
    np.testing.assert_allclose(
        losses, train_with_trainer(theirs, data, tmp_path, recipe), rtol=1e-5
    )
    assert min(losses) < 0.9 * losses[0]
    np.testing.assert_allclose(predict(ours, data), predict(theirs, data), atol=1e-4)


def test_accumulated_micro_batches_equal_one_batch(checkpoint: Checkpoint) -> None:
    data = some_data()
    whole = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    parts = build_classifier(checkpoint("bert"), "pretrained", 3, 0, 0.0)
    one = train(whole, data, recipe_of())
    four = train(parts, data, recipe_of(accumulation=4))
    np.testing.assert_allclose(one, four, rtol=1e-5)


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
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.peak_rate)
    schedule = get_linear_schedule_with_warmup(optimiser, math.ceil(0.13 * steps), steps)
    for step in range(steps):
        assert Schedule(recipe, 64).rate(step) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


def test_steps_and_evaluations() -> None:
    assert Schedule(recipe_of(steps=None, epochs=2.0), 33).steps == 10
    assert Schedule(recipe_of(), 33).steps == STEPS
    assert Schedule(recipe_of(steps=10, evaluations=4), 33).evaluations == {3, 5, 8, 10}


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_training_only_the_rows_in_use_gives_the_same_weights_as_training_all(
    family: str, checkpoint: Checkpoint
) -> None:
    data, recipe = some_data(), recipe_of(weight_decay=0.1)
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
    restore_vocabulary(rebuilt, small, tokens)
    for name, value in whole.state_dict().items():
        # The gradient's norm adds up the same numbers in another order.
        torch.testing.assert_close(rebuilt.state_dict()[name], value, rtol=0, atol=2e-5)
    trained = rebuilt.get_input_embeddings().weight
    unused = sorted(set(range(len(untrained))) - used)
    assert torch.equal(trained[unused], untrained[unused])
    assert not torch.equal(trained[sorted(used)], untrained[sorted(used)])


def test_a_replicate_does_not_depend_on_those_beside_it(checkpoint: Checkpoint) -> None:
    alone = dropout_run(checkpoint("bert"), 2, ReplicateStream("cpu"))
    losses_of(alone)
    group = [dropout_run(checkpoint("bert"), seed, ReplicateStream("cpu")) for seed in (1, 2, 3)]
    losses_of(*group)
    assert torch.equal(alone.losses, group[1].losses)
    assert not torch.equal(group[0].losses, group[1].losses)
    for name, value in alone.model.state_dict().items():
        assert torch.equal(value, group[1].model.state_dict()[name])


@pytest.mark.parametrize("at", [1, 17, STEPS - 1])
def test_a_run_restored_after_any_step_ends_as_if_it_had_not_stopped(
    at: int, checkpoint: Checkpoint
) -> None:
    straight = dropout_run(checkpoint("bert"), 2, ReplicateStream("cpu"))
    turns = train_side_by_side([straight])
    for _ in range(at):
        next(turns)
    state = {name: value.detach().clone() for name, value in straight.state().items()}
    curve = list(straight.curve)
    resumed = dropout_run(
        checkpoint("bert"), 9, ReplicateStream("cpu")
    )  # other weights, to be replaced
    resumed = Run(resumed.model, some_data(), straight.recipe, 2, 2, ReplicateStream("cpu"), "fp32",
                  resumed.score_dev)  # fmt: skip
    resumed.restore(state, at, curve, 5.0)
    for run in (straight, resumed):
        losses_of(run)
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
    recipe = recipe_of(evaluations=5)
    scores = iter(range(100))
    run = make_run(model, some_data(), recipe, score=lambda: float(next(scores)))
    losses_of(run)
    # Scored before the first step, after 8 and after 16: the loss of the 21st step is bad.
    assert run.divergence == Divergence(21, 2.0)
    assert [point.step for point in run.curve] == [0, 8, 16]


def test_logits_that_are_not_finite_end_the_run(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    run = make_run(model, some_data(), recipe_of(), score=lambda: math.nan)
    losses_of(run)
    assert run.divergence == Divergence(1, None)


def test_all_replicates_queue_their_scores_before_any_is_waited_for(
    checkpoint: Checkpoint,
) -> None:
    """A GPU computes one replicate's score while the host queues the next one's."""
    happened: list[str] = []

    def scoring(name: str) -> Callable[[], Callable[[], float]]:
        def queue() -> Callable[[], float]:
            happened.append(f"queue {name}")
            return collect

        def collect() -> float:
            happened.append(f"collect {name}")
            return 0.5

        return queue

    recipe, stream = recipe_of(steps=2), ReplicateStream("cpu")
    runs = []
    for name in "ab":
        model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
        runs.append(Run(model, some_data(), recipe, 0, 0, stream, "fp32", scoring(name)))
    losses_of(*runs)
    assert happened == 2 * ["queue a", "queue b", "collect a", "collect b"]


def test_the_rest_of_the_replicates_goes_on_when_one_diverges(checkpoint: Checkpoint) -> None:
    good = dropout_run(checkpoint("bert"), 2, ReplicateStream("cpu"))
    bad = make_run(build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0), some_data(),
                   recipe_of(), score=lambda: math.nan)  # fmt: skip
    losses_of(bad, good)
    assert bad.divergence
    assert good.step == STEPS
    assert good.divergence is None
