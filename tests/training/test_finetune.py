"""Fine-tuning jobs: what they write, and that no interruption changes it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from polymath.data.fetch.manifest import Manifest
from polymath.models.build import added_to_output, read_checkpoint
from polymath.tokenization.tokenize import token_schema
from polymath.training import finetune as finetune_module
from polymath.training import replicate as replicate_module
from polymath.training import resumable as resumable_module
from polymath.training.acceleration.side_by_side import USABLE
from polymath.training.loop import Run, train
from polymath.training.replicate import ConditionInputs, Replicate
from polymath.util.errors import PolymathError
from polymath.util.storage import read_metadata, read_table, write_table
from support.families import CLASSIFIERS, CONVERTED, SPECIALS, UNUSED, WORDS, Checkpoint, families
from support.jobs import CLASSES, outputs_in, predictions_of, recipe_of, run_job, write_job
from support.mutations import cut_off, empty, flip


def test_more_replicates_train_only_the_missing_ones(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    grown, whole = tmp_path / "grown", tmp_path / "whole"
    job = write_job(grown, checkpoint("bert"), CLASSES)
    run_job(job, grown)
    logged = run_job(replace(job, replicates=3), grown)
    assert [line for line in logged if "already finished" in line] == [
        "replicate 1 of 3: already finished",
        "replicate 2 of 3: already finished",
    ]
    assert sum("training rows" in line for line in logged) == 1
    run_job(write_job(whole, checkpoint("bert"), CLASSES, replicates=3), whole)
    assert predictions_of(grown) == predictions_of(whole)


def remove_rows(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 3), path)


@pytest.mark.parametrize("damage", [empty, cut_off, flip, remove_rows])
@pytest.mark.parametrize("table", ["predictions", "curve"])
def test_a_kept_replicate_that_is_damaged_is_named_and_trained_again(
    checkpoint: Checkpoint, tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe={"steps": 2})
    run_job(job, tmp_path)
    whole = predictions_of(tmp_path)
    [kept] = outputs_in(tmp_path).predictions.parent.glob(f".replicates/1-*.{table}.parquet")
    damage(kept)
    logged = run_job(job, tmp_path)
    assert [line for line in logged if "damaged" in line and str(kept) in line]
    assert sum("training rows" in line for line in logged) == 1
    assert predictions_of(tmp_path) == whole


def test_what_determines_a_result_names_it_in_the_store(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    changed = [
        job,
        replace(job, recipe=recipe_of(steps=7)),
        replace(job, seed=2),
        replace(job, metric="mcc"),
        replace(job, condition=replace(job.condition, init="pretrained")),
    ]
    assert ConditionInputs(job, "cpu").digest(0) == ConditionInputs(job, "cpu").digest(0)
    digests = [
        ConditionInputs(each, "cpu").digest(replicate) for each in changed for replicate in (0, 1)
    ]
    assert len(set(digests)) == 2 * len(changed)


def test_what_the_labels_mean_names_it_too(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """The user orders the classes, names the positive one or takes them for sets: the rows are the
    same, the logits are not.
    """
    job = replace(write_job(tmp_path, checkpoint("bert"), CLASSES), metric="macro_f1")
    rows, metadata = read_table(job.tokens), read_metadata(job.tokens)
    digests = []
    for changes in (
        {},
        {"labels": ["odd", "even"]},
        {"type": "multi-label", "label_separator": ";"},
    ):
        kind: Any = changes.get("type", "classification")
        write_table(rows, job.tokens, token_schema(kind), {**metadata, **changes})
        digests.append(ConditionInputs(job, "cpu").digest(0))
    assert len(set(digests)) == 3


def test_predictions_and_curves_say_what_they_are(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    run_job(job, tmp_path)
    outputs = outputs_in(tmp_path)
    table, curve = read_table(outputs.predictions), read_table(outputs.curves)
    assert table.groupby(["replicate", "split"]).size().to_dict() == {
        (replicate, split): 15 for replicate in (0, 1) for split in ("dev", "test")
    }
    assert {len(logits) for logits in table["logits"]} == {2}
    assert curve.groupby("replicate")["step"].apply(list).to_list() == [[0, 3, 6]] * 2
    assert 40 <= curve["examples"].max() <= 48
    assert curve.groupby("replicate")["seconds"].apply(lambda s: s.is_monotonic_increasing).all()
    assert curve["seconds"].max() > 0
    metadata = read_metadata(outputs.predictions)
    assert metadata["task"] == "odd"
    assert metadata["recipe_values"]["steps"] == 6
    model = Manifest.read(job.model)
    assert (metadata["model_source"], metadata["model_sha256"]) == (model.source, model.sha256)
    (machine,) = metadata["machines"]
    assert machine["torch"] == torch.__version__
    assert {"processor", "instructions", "os", "python", "threads"} <= set(machine)
    assert metadata["replicates"] == 2
    assert metadata["diverged"] == {}
    logits = table.groupby("replicate")["logits"].apply(list)
    assert not np.array_equal(np.stack(logits[0]), np.stack(logits[1]))


VALUES = [100.0 + number % 7 for number in range(60)]


def test_regression_predicts_in_the_units_of_the_labels(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    run_job(write_job(tmp_path, checkpoint("bert"), VALUES, replicates=1), tmp_path)
    values = np.stack(read_table(outputs_in(tmp_path).predictions)["logits"].to_list())[:, 0]
    assert 95 < values.mean() < 112


def test_fractions_take_from_training_only(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, fraction="0.2", replicates=1)
    assert any("6 training rows" in line for line in run_job(job, tmp_path))
    assert len(read_table(outputs_in(tmp_path).predictions)) == 30


def test_sequences_longer_than_the_model_are_cut_and_counted(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, length=80, replicates=1)
    logged = run_job(job, tmp_path)
    assert any("60 rows truncated to the model's limit" in line for line in logged)


@pytest.mark.parametrize("family", families([*CLASSIFIERS, *CONVERTED]))
@pytest.mark.parametrize("labels", [CLASSES, VALUES], ids=["classes", "values"])
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_kept_model_is_whole_and_gives_the_same_logits(
    tuning: str, family: str, labels: list[Any], checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint(family), labels, replicates=1, init="pretrained",
                    recipe={"tuning": tuning, "learning_rate": 0.03})  # fmt: skip
    run_job(job, tmp_path, models=True)
    outputs = outputs_in(tmp_path, models=True)
    assert outputs.models is not None
    model = AutoModelForSequenceClassification.from_pretrained(outputs.models / "replicate-0")
    model.eval()
    vocabulary = len(SPECIALS) + len(UNUSED) + len(WORDS)
    assert model.get_input_embeddings().weight.shape[0] == vocabulary
    if labels is CLASSES:
        assert model.config.id2label == {0: "even", 1: "odd"}

    tokens = read_table(job.tokens).set_index("id")["ids"]
    inputs = ConditionInputs(job, "cpu")
    mapping, (before, after) = inputs.mapping(0), inputs.special_tokens(0).ids
    table = read_table(outputs.predictions)
    for row in table.head(8).itertuples():
        ids = torch.tensor([[*before, *mapping[tokens[row.id]].tolist(), *after]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0].numpy() + added_to_output(model)
        np.testing.assert_allclose(logits, row.logits, rtol=1e-4, atol=1e-4)


def test_asking_for_models_trains_again_only_what_has_none(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    run_job(job, tmp_path)
    before = predictions_of(tmp_path)
    logged = run_job(job, tmp_path, models=True)
    assert not any("already finished" in line for line in logged)
    assert sum("already finished" in line for line in run_job(job, tmp_path, models=True)) == 2
    assert predictions_of(tmp_path) == before


@pytest.mark.parametrize("damage", [empty, cut_off, flip, Path.unlink])
def test_a_kept_model_that_is_damaged_is_named_and_trained_again(
    checkpoint: Checkpoint, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe={"steps": 2})
    run_job(job, tmp_path, models=True)
    [kept] = outputs_in(tmp_path).predictions.parent.glob(".replicates/1-*.model/model.safetensors")
    whole = kept.read_bytes()
    damage(kept)
    logged = run_job(job, tmp_path, models=True)
    assert [line for line in logged if "damaged" in line and str(kept) in line]
    assert sum("training rows" in line for line in logged) == 1
    outputs = outputs_in(tmp_path, models=True)
    assert outputs.models is not None
    assert (outputs.models / "replicate-1/model.safetensors").read_bytes() == whole


def test_models_of_another_configuration_do_not_stay_beside_new_predictions(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe={"steps": 2})
    run_job(job, tmp_path, models=True)
    models = outputs_in(tmp_path, models=True).models
    assert models is not None
    run_job(replace(job, replicates=1), tmp_path)
    assert [path.name for path in models.iterdir()] == ["replicate-0"], "it is of this one too"
    run_job(replace(job, seed=2), tmp_path)
    assert not models.exists()
    run_job(job, tmp_path, models=True)
    assert len([*models.iterdir()]) == 2


def spoil_replicate(monkeypatch: pytest.MonkeyPatch, number: int, step: int) -> None:
    """Make the loss of one replicate infinite at a step (from 1)."""
    train_step = Run._work
    calls = iter(range(1, 10_000))

    def spoiled(self: Run, *arguments: Any) -> torch.Tensor:
        loss = train_step(self, *arguments)
        call = next(calls)
        return loss * float("inf") if call == number * self.steps + step else loss

    monkeypatch.setattr(Run, "_work", spoiled)


def test_a_replicate_that_diverges_is_recorded_and_stops_no_other(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_replicate(monkeypatch, 1, 4)
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, replicates=3)
    logged = run_job(job, tmp_path)
    assert any(
        line.startswith("replicate 2 of 3: DIVERGED at step 4 of 6")
        and "lower learning_rate" in line
        for line in logged
    )
    outputs = outputs_in(tmp_path)
    curve = read_table(outputs.curves)
    score = curve[(curve["replicate"] == 1) & (curve["step"] == 3)]["dev_score"].item()
    for path in (outputs.predictions, outputs.curves):
        assert read_metadata(path)["diverged"] == {"1": {"step": 4, "dev_score": score}}
    assert curve.groupby("replicate")["step"].max().to_dict() == {0: 6, 1: 3, 2: 6}
    assert set(read_table(outputs.predictions)["replicate"]) == {0, 2}
    monkeypatch.undo()
    again = run_job(job, tmp_path)
    assert sum("already finished" in line for line in again) == 3, "divergence is an outcome"


@pytest.mark.parametrize(("fitting", "expected"), [(10.0, [3]), (2.5, [2, 1])])
def test_as_many_replicates_as_fit_the_memory_are_trained_side_by_side(
    fitting: float,
    expected: list[int],
    checkpoint: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a GPU does with its memory, on the CPU."""
    together, alone = tmp_path / "together", tmp_path / "alone"
    run_job(write_job(alone, checkpoint("bert"), CLASSES, replicates=3), alone)
    groups: list[int] = []

    def noted(runs: list[Run]) -> Any:
        groups.append(len(runs))
        return train(runs)

    monkeypatch.setattr(resumable_module, "train", noted)
    monkeypatch.setattr(finetune_module, "estimate_memory", lambda *_: 2**30)
    monkeypatch.setattr(finetune_module, "free_memory", lambda *_: int(fitting / USABLE * 2**30))
    logged = run_job(write_job(together, checkpoint("bert"), CLASSES, replicates=3), together)
    assert groups == expected
    assert any(
        line.startswith(f"{expected[0]} replicates side by side: each takes about 1.00 of")
        for line in logged
    )
    numbers = ", ".join(str(number + 1) for number in range(expected[0]))
    assert any(line.startswith(f"replicate {numbers} of 3  step 6 of 6") for line in logged)
    assert predictions_of(together) == predictions_of(alone)


def test_a_replicate_does_not_depend_on_the_global_random_state(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    inputs = ConditionInputs(write_job(tmp_path, checkpoint("bert"), CLASSES), "cpu")
    torch.manual_seed(1)
    first = Replicate(inputs, 0).model.state_dict()
    torch.manual_seed(2)
    second = Replicate(inputs, 0).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("where", ["building", "training"])
def test_a_group_that_exceeds_the_memory_is_trained_in_halves(
    where: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pretended GPU that holds two replicates, although the estimate says four."""
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    run_job(write_job(whole, checkpoint("bert"), CLASSES, replicates=4), whole)
    trained: list[int] = []
    building: list[int] = []
    build = Replicate.__init__

    def crowded(self: Replicate, inputs: ConditionInputs, number: int) -> None:
        building.append(number)
        if where == "building" and len(building) == 3:
            raise torch.OutOfMemoryError("tried to allocate too much")
        build(self, inputs, number)

    def limited(runs: list[Run]) -> Any:
        trained.append(len(runs))
        for turn, _ in enumerate(train(runs)):
            if where == "training" and len(runs) > 2 and turn == 3:
                raise torch.OutOfMemoryError("tried to allocate too much")
            yield

    monkeypatch.setattr(Replicate, "__init__", crowded)
    monkeypatch.setattr(resumable_module, "train", limited)
    monkeypatch.setattr(finetune_module, "estimate_memory", lambda *_: 1)
    monkeypatch.setattr(finetune_module, "free_memory", lambda *_: 100)
    logged = run_job(write_job(halved, checkpoint("bert"), CLASSES, replicates=4), halved)
    assert trained == ([4, 2, 2] if where == "training" else [2, 2])
    assert "replicate 1, 2, 3, 4 of 4: out of GPU memory" in logged
    assert "trying at most 2 replicates side by side" in logged
    assert predictions_of(halved) == predictions_of(whole)


def test_one_replicate_that_exceeds_the_memory_is_an_error_with_a_remedy(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exceeded(runs: list[Run]) -> Any:
        raise torch.OutOfMemoryError("tried to allocate too much")

    monkeypatch.setattr(resumable_module, "train", exceeded)
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    with pytest.raises(PolymathError, match=r"recipe tiny: .*'accumulation'"):
        run_job(job, tmp_path)


def test_a_conditions_replicates_share_one_reading_of_the_checkpoint(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(model: Any, folder: Path) -> Any:
        read.append(folder)
        return read_checkpoint(model, folder)

    monkeypatch.setattr(replicate_module, "read_checkpoint", reading)
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, init="pretrained")
    inputs = ConditionInputs(job, "cpu")
    first, _, other_rate = (
        Replicate(inputs, 0), Replicate(inputs, 1), Replicate(inputs.at_rate(3e-3), 0)
    )  # fmt: skip
    assert len(read) == 1
    alone = Replicate(ConditionInputs(job, "cpu"), 0)
    for replicate in (first, other_rate):
        for expected, found in zip(
            alone.model.parameters(), replicate.model.parameters(), strict=True
        ):
            assert torch.equal(expected, found)
