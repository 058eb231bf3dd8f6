"""The training loop, against Hugging Face's Trainer and against itself interrupted."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Trainer, TrainingArguments, get_linear_schedule_with_warmup

from conftest import FAMILIES, WORDS, small_tokenizer
from polymath.conditions import Condition
from polymath.config import Recipe
from polymath.errors import PolymathError
from polymath.files import read_metadata, read_table, write_table
from polymath.manifest import Manifest, describe_files, write_manifest
from polymath.models import build_classifier
from polymath.tokens import token_schema
from polymath.training.batches import Encoded, epoch_order, make_batch, training_order
from polymath.training.finetune import Job, finetune
from polymath.training.loop import (
    count_steps,
    evaluation_steps,
    learning_rate_at,
    predict,
    train_replicate,
)
from polymath.vocabulary import map_vocabulary

Checkpoint = Callable[[str], Path]
STEPS = 56
RATE = 3e-3


def some_data(rows: int = 64, seed: int = 0) -> Encoded:
    """Sequences of mixed lengths over the small vocabulary, three classes."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(4, 20, rows)
    targets = generator.integers(0, 3, rows)
    # A hint of the class in every sequence, so that there is something to learn.
    ids = [
        np.concatenate(
            [[2], [10 + 20 * target] * (n // 2), generator.integers(7, 67, n - n // 2 - 2), [3]]
        )
        for n, target in zip(lengths, targets, strict=True)
    ]
    return Encoded(
        ids=ids,
        lengths=lengths,
        targets=targets.astype(float),
        items=np.array([str(row) for row in range(rows)]),
        padding=0,
    )


def recipe_of(**changes: object) -> Recipe:
    values: dict[str, Any] = {"learning_rate": RATE, "batch_size": 8, "steps": STEPS,
              "warmup": 0.1, "clip_norm": 1.0, "dropout": 0.0, "precision": "fp32",
              "evaluations": 1}  # fmt: skip
    return Recipe(**{**values, **changes})


def train(model: Any, data: Encoded, recipe: Recipe, order_seed: int = 3) -> list[float]:
    """Train and return the loss of each step."""
    losses: list[float] = []
    every_step = recipe.model_copy(update={"evaluations": count_steps(recipe, len(data))})
    train_replicate(model, data, every_step, order_seed, 0, "cpu", "fp32", lambda: 0.0,
                    lambda progress: losses.append(progress.loss))  # fmt: skip
    return losses


class RecordingTrainer(Trainer):
    """Transformers' Trainer, fed in a given order, that keeps each step's loss."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.losses: list[float] = []

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        loss = super().compute_loss(*arguments, **named)
        self.losses.append(float((loss[0] if isinstance(loss, tuple) else loss).detach()))
        return loss


def train_with_trainer(model: Any, data: Encoded, folder: Path) -> list[float]:
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
        output_dir=str(folder), per_device_train_batch_size=8, num_train_epochs=1,
        learning_rate=RATE, weight_decay=0.0, warmup_steps=math.ceil(0.1 * STEPS),
        max_grad_norm=1.0, lr_scheduler_type="linear", use_cpu=True, report_to=[],
        save_strategy="no", logging_strategy="no", remove_unused_columns=False,
        disable_tqdm=True,
    )  # fmt: skip
    trainer = RecordingTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=collate
    )
    trainer.train()
    return trainer.losses


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_losses_and_logits_agree_with_transformers_trainer(
    family: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    data = some_data()
    ours = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    theirs = build_classifier(checkpoint(family), "pretrained", 3, 0, 0.0)
    mine = train(ours, data, recipe_of())
    reference = train_with_trainer(theirs, data, tmp_path)
    assert len(mine) == len(reference) == STEPS
    np.testing.assert_allclose(mine, reference, rtol=1e-5)
    assert min(mine) < 0.9 * mine[0], "the runs must have learned something to compare"
    np.testing.assert_allclose(
        predict(ours, data, "cpu", "fp32"), predict(theirs, data, "cpu", "fp32"), atol=1e-4
    )


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


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_remedy(
    checkpoint: Checkpoint,
) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    with torch.no_grad():
        model.classifier.weight.fill_(math.nan)
    with pytest.raises(PolymathError, match=r"became nan at step 1 of 56: lower .*learning_rate"):
        train(model, some_data(), recipe_of())


def test_learning_rate_is_that_of_transformers_schedule() -> None:
    recipe, steps = recipe_of(warmup=0.13), 47
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimiser, math.ceil(0.13 * steps), steps)
    for step in range(steps):
        assert learning_rate_at(recipe, step, steps) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


@given(st.lists(st.integers(3, 90), min_size=1, max_size=300), st.integers(1, 32))
def test_an_epoch_has_every_row_once(lengths: list[int], batch_size: int) -> None:
    batches = list(epoch_order(np.array(lengths), batch_size, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size


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
    same = np.flatnonzero(data.lengths == data.lengths[0])
    assert make_batch(data, same, "cpu").mask is None
    batch = make_batch(data, np.array([int(data.lengths.argmin()), int(data.lengths.argmax())]),
                       "cpu")  # fmt: skip
    assert batch.mask is not None
    assert batch.mask.sum(dim=1).tolist() == [data.lengths.min(), data.lengths.max()]


def test_steps_and_evaluations() -> None:
    assert count_steps(recipe_of(steps=None, epochs=2.0), 33) == 10
    assert count_steps(recipe_of(), 33) == STEPS
    assert evaluation_steps(10, 4) == {3, 5, 8, 10}


def write_job(
    folder: Path, checkpoint_folder: Path, labels: list[Any], **changes: Any
) -> tuple[Job, Path, Path]:
    """Write a small task's inputs; return the job and the paths of its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    task_type = "classification" if isinstance(labels[0], str) else "regression"
    rows = pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(len(labels))],
            "item": [f"r{row}" for row in range(len(labels))],
            "window": 0,
            "split": [("train", "train", "dev", "test")[row % 4] for row in range(len(labels))],
            "label": labels,
            "length": changes.get("length", 12),
            "ids": [generator.integers(0, 20, changes.get("length", 12)).tolist() for _ in labels],
        }
    )
    metadata = {
        "type": task_type,
        "labels": sorted(set(labels)) if task_type == "classification" else [],
        "domain": "dna",
    }
    write_table(rows, folder / "tokens.parquet", token_schema(task_type), metadata)
    files = [checkpoint_folder / name for name in ("config.json", "model.safetensors",
                                                   "tokenizer.json")]  # fmt: skip
    write_manifest(Manifest({}, describe_files(files, folder)), folder / "manifest.json")
    symbols = small_tokenizer().get_vocab()
    from tokenizers import Tokenizer, models

    domain = Tokenizer(models.WordLevel({f"s{i}": i for i in range(20)}, unk_token=""))
    domain.save(str(folder / "symbols.json"))
    assert len(symbols) == len(WORDS) + 7
    map_vocabulary(folder / "symbols.json", checkpoint_folder / "tokenizer.json", "random", 1,
                   5, 0, folder / "vocabulary.parquet")  # fmt: skip
    job = Job(
        condition=Condition("odd", "small", changes.get("init", "scratch"), "random",
                            changes.get("fraction", "1"), "tiny"),
        recipe=recipe_of(steps=6, evaluations=2, dropout=0.1),
        metric="accuracy" if task_type == "classification" else "spearman",
        seed=1,
        replicates=changes.get("replicates", 2),
        tokens=folder / "tokens.parquet",
        vocabulary=folder / "vocabulary.parquet",
        model=folder / "manifest.json",
    )  # fmt: skip
    return job, folder / "out" / "predictions.parquet", folder / "out" / "curves.parquet"


def run_job(job: Job, predictions: Path, curves: Path) -> list[str]:
    said: list[str] = []
    finetune(job, 1, predictions, curves, said.append)
    return said


CLASSES = ["even", "odd"] * 30


def test_the_same_condition_twice_gives_the_same_bytes(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    results = []
    for name in ("first", "second"):
        job, predictions, curves = write_job(tmp_path / name, checkpoint("bert"), CLASSES)
        run_job(job, predictions, curves)
        results.append(predictions.read_bytes())
    assert results[0] == results[1]


def test_more_replicates_train_only_the_missing_ones(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job, predictions, curves = write_job(tmp_path / "grown", checkpoint("bert"), CLASSES)
    run_job(job, predictions, curves)
    grown, _, _ = write_job(tmp_path / "grown", checkpoint("bert"), CLASSES, replicates=3)
    said = run_job(grown, predictions, curves)
    assert [line for line in said if "already finished" in line] == [
        "replicate 1 of 3: already finished",
        "replicate 2 of 3: already finished",
    ]
    assert sum("training rows" in line for line in said) == 1
    whole, whole_predictions, whole_curves = write_job(
        tmp_path / "whole", checkpoint("bert"), CLASSES, replicates=3
    )
    run_job(whole, whole_predictions, whole_curves)
    assert whole_predictions.read_bytes() == predictions.read_bytes()


def test_a_changed_recipe_is_not_answered_from_the_store(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job, predictions, curves = write_job(tmp_path, checkpoint("bert"), CLASSES)
    run_job(job, predictions, curves)
    changed = Job(**{**job.__dict__, "recipe": recipe_of(steps=7)})
    assert not any("already finished" in line for line in run_job(changed, predictions, curves))


def test_predictions_and_curves_say_what_they_are(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job, predictions, curves = write_job(tmp_path, checkpoint("bert"), CLASSES)
    run_job(job, predictions, curves)
    table, curve = read_table(predictions), read_table(curves)
    assert table.groupby(["replicate", "split"]).size().to_dict() == {
        (replicate, split): 15 for replicate in (0, 1) for split in ("dev", "test")
    }
    assert {len(logits) for logits in table["logits"]} == {2}
    assert curve.groupby("replicate")["step"].apply(list).to_list() == [[0, 3, 6]] * 2
    assert 40 <= curve["examples"].max() <= 48
    metadata = read_metadata(predictions)
    assert metadata["task"] == "odd"
    assert metadata["recipe_values"]["steps"] == 6
    assert metadata["versions"]["torch"] == torch.__version__


def test_replicates_differ_and_arms_share_their_mapping(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job, predictions, curves = write_job(tmp_path, checkpoint("bert"), CLASSES)
    run_job(job, predictions, curves)
    logits = read_table(predictions).groupby("replicate")["logits"].apply(list)
    assert not np.array_equal(np.stack(logits[0]), np.stack(logits[1]))


def test_regression_predicts_in_the_units_of_the_labels(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    labels = [100.0 + number % 7 for number in range(60)]
    job, predictions, curves = write_job(tmp_path, checkpoint("bert"), labels, replicates=1)
    run_job(job, predictions, curves)
    values = np.stack(read_table(predictions)["logits"].to_list())[:, 0]
    assert 95 < values.mean() < 112


def test_fractions_take_from_training_only(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job, predictions, curves = write_job(
        tmp_path, checkpoint("bert"), CLASSES, fraction="0.2", replicates=1
    )
    said = run_job(job, predictions, curves)
    assert any("6 training rows" in line for line in said)
    assert len(read_table(predictions)) == 30


def test_sequences_longer_than_the_model_are_cut_and_counted(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job, predictions, curves = write_job(
        tmp_path, checkpoint("bert"), CLASSES, length=80, replicates=1
    )
    said = run_job(job, predictions, curves)
    assert any("60 rows truncated to the model's limit" in line for line in said)
