"""Fine-tune one condition: all its replicates, from token tables to predictions and curves."""

import gc
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from transformers import PreTrainedModel

from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.input_orders import SHUFFLED_INPUT, in_order
from polymath.experiment.paths import KEPT_MODELS, REPLICATES_FOLDER, replicate_folder
from polymath.training.acceleration.side_by_side import count_that_fit, estimate_memory
from polymath.training.batches import BatchShape, gather_batch
from polymath.training.devices import device_name, free_memory
from polymath.training.job import Execution, Job, Outputs
from polymath.training.rate_search import Trial, choose_rate, summarise_trial
from polymath.training.replicate import ConditionInputs, Replicate
from polymath.training.replicate_store import ReplicateResult, ReplicateStore
from polymath.training.resumable import ResumableRun, Session, open_session
from polymath.util.errors import PolymathError
from polymath.util.machine import distinct
from polymath.util.storage import write_table

GIB = 2**30


def finetune(job: Job, execution: Execution, outputs: Outputs, log: Callable[[str], None]) -> None:
    """Train the replicates that are not finished yet; write all predictions and curves.

    Raises:
        PolymathError: if the model cannot take the tokens, or a checkpoint cannot be written.
        PreemptedError: on a stop signal; the next call resumes from there.
    """
    folder = outputs.predictions.parent
    with open_session(folder / REPLICATES_FOLDER, job.metric, execution, log) as session:
        shuffled = outputs.shuffled is not None
        inputs = ConditionInputs(job, session.device, shuffled)
        job = inputs.job
        session = replace(session, metric=job.metric)
        keep_models = outputs.models is not None
        store = ReplicateStore(
            folder, inputs.task.type, keep_models, keep_models and outputs.all_models, shuffled
        )
        trainers = {
            rate: _Trainer(inputs.at_rate(rate), job.recipe.trials, store, session)
            for rate in job.recipe.rates
        }
        store.remove_abandoned([stem for trainer in trainers.values() for stem in trainer.stems])
        trials = _try_rates(trainers, job, log)
        chosen = trainers[choose_rate(trials)]
        results = chosen.finish(range(job.replicates))
        provenance = {
            **inputs.provenance(execution.threads),
            "learning_rate": chosen.inputs.job.recipe.peak_rate,
            "rate_trials": [asdict(trial) for trial in trials.values() if trial.dev_scores],
        }
    _write(results, chosen.inputs, provenance, outputs)
    if outputs.models:
        _link_models(chosen, outputs.models, log)
    elif (kept := folder / KEPT_MODELS).is_dir():  # perhaps of another configuration
        _link_models(chosen, kept, log)
        if not any(kept.iterdir()):
            kept.rmdir()


def _link_models(trainer: "_Trainer", folder: Path, log: Callable[[str], None]) -> None:
    """Put the stored models of a condition's replicates into `folder`, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for replicate in range(trainer.inputs.job.replicates):
        kept = trainer.store.model(replicate, trainer.digests[replicate])
        if kept.is_dir():
            target = folder / replicate_folder(replicate)
            shutil.copytree(kept, target, copy_function=_link_or_copy)
        elif not trainer.results[replicate].divergence:
            log(f"replicate {replicate + 1}: trained when its model was not kept")


def _try_rates(
    trainers: "dict[float, _Trainer]", job: Job, log: Callable[[str], None]
) -> dict[float, Trial]:
    """Train the replicates that choose a learning rate, which are not reported.

    The arm that varies more gains more from a choice by the replicates that are then reported.
    """
    if len(trainers) == 1:
        return {rate: Trial(rate, ()) for rate in trainers}
    trials = {}
    missing = [trainer.count_missing(trainer.trials) for trainer in trainers.values()]
    for number, (rate, trainer) in enumerate(trainers.items(), 1):
        log(f"learning rate {rate:g} ({number} of {len(trainers)}), chosen by dev {job.metric}")
        later = sum(missing[number:]) + job.replicates
        trials[rate] = summarise_trial(rate, trainer.finish(trainer.trials, later))
    scores = ", ".join(f"{rate:g}: {trial.mean:.3f}" for rate, trial in trials.items())
    log(f"learning rate {choose_rate(trials):g} is best on dev ({scores})")
    return trials


def _write(
    results: list[ReplicateResult],
    inputs: ConditionInputs,
    provenance: dict[str, object],
    outputs: Outputs,
) -> None:
    metadata = {
        **inputs.job.condition.columns,
        **provenance,
        "replicates": len(results),
        "machines": distinct(result.machine for result in results),
        "crossed": dict(inputs.job.crossed),
        "diverged": {
            str(number): asdict(result.divergence)
            for number, result in enumerate(results)
            if result.divergence
        },
    }
    curves = pd.concat([result.curve for result in results])
    write_table(curves, outputs.curves, CURVE_SCHEMA, metadata)
    predictions = pd.concat([result.predictions for result in results])
    schema = prediction_schema(inputs.task.type)
    write_table(predictions, outputs.predictions, schema, metadata)
    if outputs.shuffled:
        condition = inputs.job.condition
        tested = replace(condition, recipe=in_order(condition.recipe, SHUFFLED_INPUT))
        shuffled = pd.concat([result.shuffled for result in results])
        write_table(shuffled, outputs.shuffled, schema, {**metadata, **tested.columns})


def _describe_size(model: PreTrainedModel) -> str:
    total, trained = (model.num_parameters(only_trainable=only) / 1e6 for only in (False, True))
    share = "" if trained == total else f", {trained:.2g} M of them trained"
    return f"{total:.1f} M parameters{share}"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # some cluster file systems have no hard links between folders
        shutil.copy2(source, target)


class _Trainer:
    """Trains a condition's missing replicates, as many side by side as the device holds."""

    def __init__(
        self, inputs: ConditionInputs, trials: int, store: ReplicateStore, session: Session
    ) -> None:
        self.inputs, self.store, self.session, self.log = inputs, store, session, session.log
        self.total = inputs.job.replicates
        self.trials = range(-trials, 0)
        self.digests = {
            number: inputs.digest(number) for number in (*self.trials, *range(self.total))
        }
        self.results: dict[int, ReplicateResult] = {}

    @property
    def stems(self) -> list[str]:
        """Return the store's name of each replicate."""
        return [f"{number}-{digest}" for number, digest in self.digests.items()]

    def count_missing(self, numbers: range) -> int:
        """Return how many of these replicates the store does not have."""
        return sum(not self.store.has(number, self.digests[number]) for number in numbers)

    def finish(self, numbers: range, later: int = 0) -> list[ReplicateResult]:
        """Return these replicates, from the store or trained now.

        Args:
            later: runs of other trainers still to come, for the estimated finish.
        """
        missing = []
        for number in numbers:
            if number in self.results:
                continue
            stored = self.store.find(number, self.digests[number], self.log)
            if stored is None:
                missing.append(number)
            else:
                self.log(f"{self._name(number)}: already finished")
                self.results[number] = stored
        limit = len(missing)
        while missing := [number for number in missing if number not in self.results]:
            together = self._train_group(missing, limit, later)
            # A model and its optimiser refer to each other. The group's CUDA graphs must be gone
            # before the next group takes its streams.
            gc.collect()
            if any(number not in self.results for number in missing[:together]):
                limit = self._halve(together)
        return [self.results[number] for number in numbers]

    def _train_group(self, missing: list[int], limit: int, later: int) -> int:
        """Train the first of the missing replicates side by side; return how many there were.

        If the device's memory did not suffice, some have no result.
        """
        group: list[Replicate] = []
        together = 1
        try:
            group.append(self._start(missing[0]))
            together = self._count_side_by_side(group[0], min(limit, len(missing)))
            group += [self._start(number) for number in missing[1:together]]
            self._train(group, waiting=len(missing) - together + later)
        except torch.OutOfMemoryError:  # what it refers to is freed when this function returns
            self.log(f"{self._name(*missing[:together])}: out of GPU memory")
        return together

    def _halve(self, together: int) -> int:
        """Return how many replicates to try at once, as `together` were too many; refuse if one."""
        if together == 1:
            raise PolymathError(
                f"recipe {self.inputs.job.condition.recipe}: one replicate alone exceeds the GPU's "
                "memory: raise the recipe's 'accumulation', or lower its batch_size"
            )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.log(f"trying at most {together // 2} replicates side by side")
        return together // 2

    def _name(self, *numbers: int) -> str:
        if numbers[0] < 0:
            places = ", ".join(str(self.trials.index(number) + 1) for number in numbers)
            return f"trial {places} of {len(self.trials)}"
        return f"replicate {', '.join(str(n + 1) for n in numbers)} of {self.total}"

    def _resumable(self, replicate: Replicate) -> ResumableRun:
        number = replicate.number
        checkpoints = self.store.checkpoints(number, self.digests[number])
        return ResumableRun(self._name(number), replicate.run, checkpoints)

    def _start(self, number: int) -> Replicate:
        """Build a replicate and restore its last checkpoint."""
        replicate = Replicate(self.inputs, number)
        truncated = replicate.data.truncated
        self.log(
            f"{self._name(number)}: {len(replicate.data.train)} training rows, "
            f"{replicate.run.steps} steps of {self.inputs.job.recipe.batch_size}, "
            f"{_describe_size(replicate.model)}, {self.inputs.precision} on "
            f"{device_name(self.inputs.device)}"
            + (f", {truncated} rows truncated to the model's limit" if truncated else "")
        )
        self._resumable(replicate).resume(self.log)
        return replicate

    def _count_side_by_side(self, first: Replicate, wanted: int) -> int:
        """Return how many replicates to train at once: one on the CPU, else what fits."""
        free = free_memory(self.inputs.device, self.session.execution.conditions_per_gpu)
        if free is None:
            return 1
        recipe, data = self.inputs.job.recipe, first.data.train
        rows = min(recipe.batch_size // recipe.accumulation, len(data))
        longest = BatchShape(rows, int(data.lengths.max()), padded=True)
        with first.stream.activate():
            places = torch.arange(rows, device=first.model.device)
            batch = gather_batch(first.run.data, places, longest)
            needed = estimate_memory(first.model, batch, self.inputs.precision)
        count = count_that_fit(needed, free, wanted)
        self.log(
            f"{count} replicates side by side: each takes about {needed / GIB:.2f} of "
            f"{free / GIB:.2f} GiB free"
        )
        return count

    def _train(self, group: list[Replicate], waiting: int) -> None:
        self._store_ended(group)
        self.session.train(
            [self._resumable(replicate) for replicate in group],
            self._name(*(replicate.number for replicate in group)),
            waiting,
            after_step=lambda: self._store_ended(group),
        )

    def _store_ended(self, group: list[Replicate]) -> None:
        """Store each replicate whose run has ended."""
        for replicate in group:
            number, run = replicate.number, replicate.run
            if not run.ended or number in self.results:
                continue
            result = replicate.finish()
            self.store.save(number, self.digests[number], result, replicate.save_model)
            self.results[number] = result
            if result.divergence:
                self.log(
                    f"{self._name(number)}: DIVERGED at step {result.divergence.step} of "
                    f"{run.steps}: recorded as diverged; the other replicates continue. A lower "
                    "learning_rate, a clip_norm or precision: fp32 may help"
                )
