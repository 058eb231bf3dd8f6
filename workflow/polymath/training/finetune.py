"""Fine-tune one condition: all its replicates, from tables to tables, however often interrupted."""

import gc
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import torch
from transformers import PreTrainedModel

from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.training.acceleration.side_by_side import fit_side_by_side, replicate_bytes
from polymath.training.batches import Shape, take_batch
from polymath.training.checkpoints import Checkpoint, trained_alone
from polymath.training.devices import claimed_device, device_name, free_memory, set_up_process
from polymath.training.job import Execution, Job, Outputs
from polymath.training.loop import train
from polymath.training.rate_search import Trial, choose_rate, summarise_trial
from polymath.training.replicate import Inputs, Trainee
from polymath.training.replicate_store import FOLDER, Replicate, ReplicateStore
from polymath.training.signals import noticed_signals
from polymath.util.errors import PreemptedError
from polymath.util.machine import distinct
from polymath.util.storage import write_table

REPORT_SECONDS = 10.0
GIB = 2**30


def finetune(job: Job, execution: Execution, outputs: Outputs, log: Callable[[str], None]) -> None:
    """Train the replicates that are not finished yet; write all predictions and curves.

    Raises:
        PolymathError: if the model cannot take the tokens, or a checkpoint cannot be written.
        PreemptedError: if a signal asked to leave; the next call goes on from there.
    """
    set_up_process(execution.threads)
    folder = outputs.predictions.parent
    with (
        trained_alone(folder / FOLDER, log),
        claimed_device(log, execution.conditions_per_gpu) as device,
        noticed_signals() as asked_to_leave,
    ):
        inputs = Inputs(job, device)
        store = ReplicateStore(folder, inputs.task.type, outputs.models is not None)
        trainers = {
            rate: _Trainer(inputs.at(rate), store, execution, log, asked_to_leave)
            for rate in job.recipe.rates
        }
        store.forget_others([digest for one in trainers.values() for digest in one.names])
        trials = _try_rates(trainers, job, log)
        chosen = trainers[choose_rate(trials)]
        results = chosen.finish(job.replicates)
        provenance = inputs.provenance(execution.threads)
    _write(results, chosen.inputs, {**provenance, **_describe_trials(chosen, trials)}, outputs)
    if outputs.models:
        outputs.models.mkdir(parents=True, exist_ok=True)
        for replicate in range(job.replicates):
            if not results[replicate].divergence:
                kept = store.model(replicate, chosen.inputs.digest(replicate))
                _show_folder(kept, outputs.models / f"replicate-{replicate}")


def _try_rates(
    trainers: "dict[float, _Trainer]", job: Job, log: Callable[[str], None]
) -> dict[float, Trial]:
    """Train the replicates that choose among several rates; a single rate needs no trial."""
    if len(trainers) == 1:
        return {rate: Trial(rate, ()) for rate in trainers}
    count = min(job.recipe.rate_replicates or job.replicates, job.replicates)
    trials = {}
    for number, (rate, trainer) in enumerate(trainers.items(), 1):
        log(f"learning rate {rate:g} ({number} of {len(trainers)}), chosen by dev {job.metric}")
        trials[rate] = summarise_trial(rate, trainer.finish(count))
    scores = ", ".join(f"{rate:g}: {trial.mean:.3f}" for rate, trial in trials.items())
    log(f"learning rate {choose_rate(trials):g} is best on dev ({scores})")
    return trials


def _describe_trials(chosen: "_Trainer", trials: dict[float, Trial]) -> dict[str, object]:
    return {
        "learning_rate": chosen.inputs.job.recipe.peak_rate,
        "rate_trials": [asdict(trial) for trial in trials.values() if trial.dev_scores],
    }


def _write(
    results: list[Replicate], inputs: Inputs, provenance: dict[str, object], outputs: Outputs
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


def _describe_size(model: PreTrainedModel) -> str:
    every, trained = (model.num_parameters(only_trainable=only) / 1e6 for only in (False, True))
    share = "" if trained == every else f", {trained:.2g} M of them trained"
    return f"{every:.1f} M parameters{share}"


def _show_folder(kept: Path, folder: Path) -> None:
    """Show a kept folder under another name, if possible without a second copy of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # some cluster file systems have no links between folders
        shutil.copy2(source, target)


class _Trainer:
    """Trains a condition's missing replicates, as many side by side as the device holds."""

    def __init__(
        self,
        inputs: Inputs,
        store: ReplicateStore,
        execution: Execution,
        log: Callable[[str], None],
        asked_to_leave: Callable[[], str | None],
    ) -> None:
        self.inputs, self.store, self.execution = inputs, store, execution
        self.log, self.asked_to_leave = log, asked_to_leave
        self.total = inputs.job.replicates
        self.digests = [inputs.digest(replicate) for replicate in range(self.total)]
        self.results: dict[int, Replicate] = {}

    @property
    def names(self) -> list[str]:
        """Return the store's name of each replicate."""
        return [f"{replicate}-{digest}" for replicate, digest in enumerate(self.digests)]

    def finish(self, count: int) -> list[Replicate]:
        """Return the first `count` replicates, from the store or trained now."""
        missing = []
        for replicate in range(count):
            if replicate in self.results:
                continue
            found = self.store.find(replicate, self.digests[replicate])
            if found is None:
                missing.append(replicate)
            else:
                self.log(f"replicate {replicate + 1} of {self.total}: already finished")
                self.results[replicate] = found
        while missing:
            first = self._begin(missing.pop(0))
            together = self._count_side_by_side(first, 1 + len(missing))
            group = [first, *(self._begin(missing.pop(0)) for _ in range(together - 1))]
            self._train(group, waiting=len(missing))
            del first, group
            gc.collect()  # a model and its optimiser refer to each other
        return [self.results[replicate] for replicate in range(count)]

    def _begin(self, replicate: int) -> Trainee:
        """Build a replicate, and put it where its last checkpoint left it."""
        one = Trainee(self.inputs, replicate)
        cut = one.data.truncated
        self.log(
            f"replicate {replicate + 1} of {self.total}: {len(one.data.train)} training rows, "
            f"{one.run.steps} steps of {self.inputs.job.recipe.batch_size}, "
            f"{_describe_size(one.model)}, {self.inputs.precision} on "
            f"{device_name(self.inputs.device)}"
            + (f", {cut} rows truncated to the model's limit" if cut else "")
        )
        saved = self.store.checkpoints(replicate, self.digests[replicate]).load(self.log)
        if saved:
            one.run.restore(saved.tensors, saved.step, saved.curve, saved.seconds)
            self.log(f"replicate {replicate + 1} of {self.total}: goes on after step {saved.step}")
        return one

    def _count_side_by_side(self, one: Trainee, wanted: int) -> int:
        """Return how many replicates to train at once: one on the CPU, else what fits."""
        free = free_memory(self.inputs.device, self.execution.conditions_per_gpu)
        if free is None:
            return 1
        recipe, data = self.inputs.job.recipe, one.data.train
        rows = min(recipe.batch_size // recipe.accumulation, len(data))
        longest = Shape(rows, int(data.lengths.max()), padded=True)
        with one.lane.entered():
            places = torch.arange(rows, device=one.model.device)
            batch = take_batch(one.run.data, places, longest)
            needed = replicate_bytes(one.model, batch, self.inputs.precision)
        count = fit_side_by_side(needed, free, wanted)
        self.log(
            f"{count} replicates side by side: each takes about {needed / GIB:.2f} of "
            f"{free / GIB:.2f} GiB free"
        )
        return count

    def _train(self, group: list[Trainee], waiting: int) -> None:
        begun = reported = saved = time.monotonic()
        first_step = group[0].run.step
        points = 0
        self._settle(group)
        for _ in train([one.run for one in group]):
            reached = sum(len(one.run.curve) for one in group)
            now = time.monotonic()
            if reached > points or now - reported > REPORT_SECONDS:
                self._report(group, (now - begun) / max(1, group[0].run.step - first_step), waiting)
                points, reported = reached, now
            leaving = self.asked_to_leave()
            self._settle(group)
            if leaving or now - saved > self.execution.checkpoint_seconds:
                self._save(group)
                saved = now
            if leaving:
                self._leave(group, leaving)

    def _settle(self, group: list[Trainee]) -> None:
        """Store each replicate whose run has ended."""
        for one in group:
            if not one.run.ended or one.replicate in self.results:
                continue
            result = one.finish()
            self.store.save(one.replicate, self.digests[one.replicate], result, one.save_model)
            self.results[one.replicate] = result
            if result.divergence:
                self.log(
                    f"replicate {one.replicate + 1} of {self.total}: DIVERGED at step "
                    f"{result.divergence.step} of {one.run.steps}: recorded as such; the others "
                    "go on. A lower learning_rate, a clip_norm or precision: fp32 may help"
                )

    def _save(self, group: list[Trainee]) -> None:
        for one in group:
            if one.run.ended:
                continue
            one.run.check()
            if one.run.ended:
                continue
            checkpoint = Checkpoint(one.run.step, one.run.curve, one.run.seconds, one.run.state())
            self.store.checkpoints(one.replicate, self.digests[one.replicate]).save(checkpoint)

    def _leave(self, group: list[Trainee], signal: str) -> None:
        unfinished = [str(one.replicate + 1) for one in group if not one.run.ended]
        raise PreemptedError(
            f"asked to leave by {signal}: replicate {', '.join(unfinished) or 'none'} saved after "
            f"step {group[0].run.step}; the next attempt goes on from there"
        )

    def _report(self, group: list[Trainee], seconds_a_step: float, waiting: int) -> None:
        """Say where the replicates in training are, one line for all of them."""
        runs = [one.run for one in group]
        losses = [run.check() for run in runs]
        scores = [run.curve[-1].dev_score for run in runs if run.curve]
        numbers = ", ".join(str(one.replicate + 1) for one in group)
        steps, step = runs[0].steps, runs[0].step
        left = seconds_a_step * (steps - step + steps * -(-waiting // len(group)))
        self.log(
            f"replicate {numbers} of {self.total}  step {step} of {steps}  "
            f"loss {sum(losses) / len(losses):.3f}  dev {self.inputs.job.metric} "
            f"{sum(scores) / max(1, len(scores)):.3f}  all replicates end about "
            f"{datetime.now() + timedelta(seconds=left):%H:%M:%S}"
        )
