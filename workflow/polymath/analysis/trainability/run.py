"""Measure the trainability of a condition's models before training, on the same rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.func import functional_call
from transformers import PreTrainedModel

from polymath.analysis.trainability.measures import (
    Loss,
    Weights,
    ascent_sharpness,
    gradient_cosines,
    jacobian_singular_values,
    noise_sensitivity,
    norm_gains,
    top_eigenvalue,
)
from polymath.evaluation.tables import PROBE_SCHEMA
from polymath.experiment.analyses import Probes
from polymath.experiment.stage_versions import PROBES
from polymath.training.batches import Batch, batch_shape, gather_batch, move_split
from polymath.training.devices import claimed_device, configure_torch, device_name
from polymath.training.encode import encode_task
from polymath.training.job import Job
from polymath.training.loop import mean_loss, model_inputs
from polymath.training.replicate import ConditionInputs, standardise
from polymath.util.machine import describe_machine
from polymath.util.runtime import read_runtime
from polymath.util.seeds import derive_seed
from polymath.util.storage import write_table


def measure_trainability(
    job: Job, settings: Probes, threads: int, table: Path, log: Callable[[str], None]
) -> None:
    """Write every probe of a condition's first replicates before training."""
    configure_torch(threads)
    with claimed_device(log, read_runtime().conditions_per_gpu) as device:
        inputs = ConditionInputs(job, device)
        rows = []
        for replicate in range(min(settings.replicates, job.replicates)):
            values = dict(_UntrainedReplicate(inputs, replicate, settings).probes())
            log(
                f"replicate {replicate + 1}: "
                + ", ".join(f"{k} {v:.3g}" for k, v in values.items())
            )
            rows += [
                {"replicate": replicate, "probe": probe, "value": value}
                for probe, value in values.items()
            ]
        provenance = {
            **job.condition.columns,
            "code_version": PROBES,
            "settings": settings.model_dump(),
            "experiment_seed": job.seed,
            "model_sha256": inputs.model_sha256,
            "device": device_name(device),
            "machine": describe_machine(),
        }
    named = {name: job.condition.columns[name] for name in ("task", "model", "init", "mapping")}
    frame = pd.DataFrame(rows).assign(**named)
    write_table(frame[PROBE_SCHEMA.names], table, PROBE_SCHEMA, provenance)


class _UntrainedReplicate:
    """A replicate before training, in evaluation mode, with twice differentiable attention."""

    def __init__(self, inputs: ConditionInputs, replicate: int, settings: Probes) -> None:
        self.settings, self.seed = settings, derive_seed(inputs.job.seed, "resampling")
        seeds = inputs.seeds(replicate)
        self.model: PreTrainedModel = inputs.build_model(seeds)
        mapping, special_tokens = inputs.mapping(replicate), inputs.special_tokens(replicate)
        data = encode_task(
            inputs.task, self.model, mapping, special_tokens, 1.0, seeds["subset"]
        ).train
        standardise(data, inputs.task.type)
        self.model.set_attn_implementation("eager")
        self.model.to(inputs.device).eval()
        self.weights: Weights = {
            name: value.detach() for name, value in self.model.named_parameters()
        }
        self.lengths, self.data = data.lengths, move_split(data, inputs.device)
        # The same rows in all arms.
        self.order = np.random.default_rng(self.seed).permutation(len(data))

    def probes(self) -> Iterator[tuple[str, float]]:
        """Yield the name and value of each probe."""
        settings = self.settings
        cosines = gradient_cosines(
            [
                self._loss(settings.batch_size * number, settings.batch_size)
                for number in range(settings.gradients)
            ],
            self.weights,
        )
        yield "gradient_cosine_mean", float(cosines.mean())
        yield "gradient_cosine_min", float(cosines.min())
        values = torch.stack([self._jacobian(place) for place in range(settings.sequences)])
        yield "jacobian_largest", float(values[:, 0].mean())
        yield "jacobian_median", float(values.median(dim=1).values.mean())
        gains = torch.cat([gain.detach().flatten() for gain in norm_gains(self.model)])
        yield "norm_gain_mean", float(gains.mean())
        yield "norm_gain_deviation", float(gains.std(correction=0))
        loss = self._loss(0, settings.examples)
        rises = noise_sensitivity(
            loss, self.weights, settings.noise, settings.draws, self._generator()
        )
        yield "noise_rise", float(rises.mean())
        yield "ascent_rise", ascent_sharpness(loss, self.weights, settings.radius)
        curvature = top_eigenvalue(loss, self.weights, settings.iterations, self._generator())
        yield "top_eigenvalue", curvature.value
        yield "top_eigenvalue_residual", curvature.residual

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def _batch(self, start: int, count: int) -> Batch:
        """Return `count` rows from `start`, wrapping around at the end."""
        rows = self.order[np.arange(start, start + count) % len(self.order)]
        shape = batch_shape(self.lengths, rows, buckets=False)
        return gather_batch(self.data, torch.from_numpy(rows).to(self.data.ids.device), shape)

    def _loss(self, start: int, count: int) -> Loss:
        batch = self._batch(start, count)
        inputs: dict[str, Any] = model_inputs(batch)

        def loss(weights: Weights) -> torch.Tensor:
            logits: torch.Tensor = functional_call(self.model, weights, (), inputs).logits
            if logits.shape[1] == 1:  # torch's own squared error has no forward derivative
                return (logits[:, 0] - batch.targets.float()).square().mean()
            return mean_loss(logits, batch.targets)

        return loss

    def _jacobian(self, place: int) -> torch.Tensor:
        """Return the Jacobian's singular values, from word embeddings to the mean last state."""
        inputs: dict[str, Any] = model_inputs(self._batch(place, 1))
        table = self.model.get_input_embeddings()
        with torch.no_grad():
            words = table(inputs["input_ids"])

        def encode(x: torch.Tensor) -> torch.Tensor:
            hook = table.register_forward_hook(
                lambda *_: x
            )  # works for any family's argument names
            try:
                states: torch.Tensor = self.model.base_model(**inputs).last_hidden_state
            finally:
                hook.remove()
            return states[0].mean(dim=0)

        return jacobian_singular_values(encode, words).detach()
