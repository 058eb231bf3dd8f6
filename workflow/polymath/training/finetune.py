"""Fine-tune one condition: all its replicates, from tables to tables."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
import transformers
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.alphabets import load_tokenizer
from polymath.conditions import Condition
from polymath.config import Recipe
from polymath.files import digest_of, read_table, write_table
from polymath.manifest import locate_named, read_manifest
from polymath.models import build_classifier
from polymath.scoring import score_items
from polymath.seeds import Stream, derive_seed
from polymath.training.batches import Encoded
from polymath.training.devices import claimed_device, device_name, resolve_precision
from polymath.training.encode import EVALUATED, EncodedTask, Task, encode_task, read_task
from polymath.training.loop import Progress, count_steps, predict, train_replicate
from polymath.training.store import CURVE_SCHEMA, Replicate, ReplicateStore, prediction_schema
from polymath.versions import TRAINING
from polymath.vocabulary import special_frame


@dataclass(frozen=True)
class Job:
    """What a condition's results depend on, and where its inputs lie."""

    condition: Condition
    recipe: Recipe
    metric: str
    seed: int
    replicates: int
    tokens: Path
    vocabulary: Path
    model: Path
    """The manifest of the model's files."""


def finetune(
    job: Job, threads: int, predictions: Path, curves: Path, say: Callable[[str], None]
) -> None:
    """Train the replicates that are not finished yet; write all predictions and curves.

    Raises:
        PolymathError: if the model cannot take the tokens, or a loss is not finite.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    with claimed_device(say) as device:
        runner = _Runner(job, device, say)
        store = ReplicateStore(predictions.parent, runner.task.type)
        results = []
        for replicate in range(job.replicates):
            digest = runner.digest(replicate)
            result = store.find(replicate, digest)
            if result is None:
                result = runner.train(replicate)
                store.save(replicate, digest, result)
            else:
                say(f"replicate {replicate + 1} of {job.replicates}: already finished")
            results.append(result)
        metadata = {**job.condition.columns, **runner.provenance(threads)}
    write_table(pd.concat([r.curve for r in results]), curves, CURVE_SCHEMA, metadata)
    write_table(
        pd.concat([r.predictions for r in results]),
        predictions,
        prediction_schema(runner.task.type),
        metadata,
    )


class _Runner:
    """Trains single replicates of one condition on one device."""

    def __init__(self, job: Job, device: str, say: Callable[[str], None]) -> None:
        self.job, self.device, self.say = job, device, say
        self.task: Task = read_task(job.tokens)
        self.precision = resolve_precision(job.recipe.precision, device)
        self.vocabulary = read_table(job.vocabulary)
        self.model_folder = locate_named(job.model, "config.json").parent
        self.frame = special_frame(load_tokenizer(locate_named(job.model, "tokenizer.json")))
        self.model_sha256 = read_manifest(job.model).sha256
        columns = ["id", "item", "split", "label", "ids"]
        self.content = digest_of(self.task.rows[columns].to_json(double_precision=15))

    def digest(self, replicate: int) -> str:
        """Return a digest of everything that determines a replicate's result."""
        job = self.job
        return digest_of(
            {
                "code_version": TRAINING,
                "condition": job.condition.columns,
                "recipe": job.recipe.model_dump(),
                "precision": self.precision,
                "metric": job.metric,
                "seed": job.seed,
                "tokens": self.content,
                "mapping": self._mapping(replicate).tolist(),
                "model": self.model_sha256,
            }
        )

    def provenance(self, threads: int) -> dict[str, Any]:
        """Return what a reader needs to repeat or doubt the results."""
        return {
            **self.task.metadata,
            "metric": self.job.metric,
            "recipe_values": self.job.recipe.model_dump(),
            "experiment_seed": self.job.seed,
            "model_sha256": self.model_sha256,
            "training_code_version": TRAINING,
            "precision": self.precision,
            "device": device_name(self.device),
            "threads": threads,
            "processor": platform.machine(),
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "train_majority": self.task.majority(),
        }

    def train(self, replicate: int) -> Replicate:
        """Train and evaluate one replicate."""
        job = self.job
        seeds = {stream: derive_seed(job.seed, stream, replicate) for stream in get_args(Stream)}
        model = build_classifier(
            self.model_folder,
            job.condition.init,
            self.task.outputs,
            seeds["init"],
            job.recipe.dropout,
        )
        if self.device == "cpu":  # at these lengths a quarter faster than the fused kernel
            model.set_attn_implementation("eager")
        data = encode_task(
            self.task,
            model,
            self._mapping(replicate),
            self.frame,
            float(job.condition.fraction),
            seeds["subset"],
        )
        centre, scale = standardise(data.train, self.task.type)
        model.to(self.device)
        self._introduce(replicate, data, model)
        started = time.monotonic()

        def logits_of(split: Encoded) -> NDArray[np.float64]:
            return predict(model, split, self.device, self.precision)

        curve = train_replicate(
            model,
            data.train,
            job.recipe,
            seeds["order"],
            seeds["dropout"],
            self.device,
            self.precision,
            lambda: score_items(
                data.dev.items, data.dev.targets, logits_of(data.dev), self.task.type, job.metric
            ),
            lambda progress: self._report(replicate, progress, started),
        )
        logits = {split: logits_of(getattr(data, split)) * scale + centre for split in EVALUATED}
        return self._tables(replicate, logits, pd.DataFrame([asdict(point) for point in curve]))

    def _mapping(self, replicate: int) -> NDArray[np.int64]:
        """Return the token id of each symbol id."""
        mine = self.vocabulary[self.vocabulary["replicate"] == replicate]
        return mine.sort_values("symbol_id")["token_id"].to_numpy(dtype=np.int64)

    def _tables(
        self, replicate: int, logits: dict[str, NDArray[np.float64]], curve: pd.DataFrame
    ) -> Replicate:
        rows = self.task.rows
        predictions = pd.concat(
            [
                rows[rows["split"] == split].assign(logits=list(of_split.astype(np.float32)))
                for split, of_split in logits.items()
            ],
            ignore_index=True,
        ).assign(replicate=replicate)
        return Replicate(
            predictions[prediction_schema(self.task.type).names],
            curve.assign(replicate=replicate)[CURVE_SCHEMA.names],
        )

    def _introduce(self, replicate: int, data: EncodedTask, model: PreTrainedModel) -> None:
        cut = f", {data.truncated} rows truncated to the model's limit" if data.truncated else ""
        self.say(
            f"replicate {replicate + 1} of {self.job.replicates}: {len(data.train)} training "
            f"rows, {count_steps(self.job.recipe, len(data.train))} steps of "
            f"{self.job.recipe.batch_size}, {model.num_parameters() / 1e6:.1f} M parameters, "
            f"{self.precision} on {device_name(self.device)}{cut}"
        )

    def _report(self, replicate: int, progress: Progress, started: float) -> None:
        elapsed = time.monotonic() - started
        per_replicate = elapsed / progress.step * progress.steps
        left = per_replicate * (self.job.replicates - replicate) - elapsed
        self.say(
            f"replicate {replicate + 1} of {self.job.replicates}  step {progress.step} of "
            f"{progress.steps}  loss {progress.loss:.3f}  dev {self.job.metric} "
            f"{progress.dev_score:.3f}  all replicates end about "
            f"{datetime.now() + timedelta(seconds=left):%H:%M:%S}"
        )


def standardise(train: Encoded, task_type: str) -> tuple[float, float]:
    """Give regression targets mean 0 and deviation 1, in place; return what undoes it."""
    if task_type == "classification":
        return 0.0, 1.0
    centre, scale = float(train.targets.mean()), float(train.targets.std()) or 1.0
    train.targets[:] = (train.targets - centre) / scale
    return centre, scale
