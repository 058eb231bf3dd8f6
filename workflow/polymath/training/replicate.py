"""One replicate of a condition: build it from its seeds, train it, tabulate its predictions."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.data.fetch.manifest import Manifest
from polymath.evaluation.predictions import score_items
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.datasets import METRICS_OF
from polymath.experiment.input_orders import SHUFFLED_INPUT, SHUFFLED_TRAINING
from polymath.experiment.stage_versions import TRAINING
from polymath.models.build import build_classifier, read_checkpoint, rescale_output
from polymath.models.compact_embeddings import restore_vocabulary
from polymath.models.pooling import mark_pooling, set_pooling
from polymath.models.tuning import apply_tuning
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.task_data import read_task
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.training.acceleration.cuda_graphs import CaptureHistory, ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.batches import EncodedSplit
from polymath.training.class_weights import (
    balanced_label_weights,
    balanced_weights,
    weighted_loss,
    weighted_set_loss,
)
from polymath.training.devices import device_name, resolve_precision
from polymath.training.encode import EncodedTask, Shuffle, encode_task
from polymath.training.headline import check_headline, positive_number
from polymath.training.job import Job
from polymath.training.loop import Loss, Predictor, Run
from polymath.training.replicate_store import ReplicateResult
from polymath.util.machine import PACKAGES, describe_machine
from polymath.util.seeds import Stream, derive_seed, seed_levels
from polymath.util.storage import digest_of, read_table


class ConditionInputs:
    """A job's inputs, read once, from which its replicates are made."""

    def __init__(self, job: Job, device: str, shuffled_test: bool = False) -> None:
        """Read the inputs.

        Args:
            shuffled_test: whether test is predicted a second time, its sequences shuffled.
        """
        self.shuffled_test = shuffled_test
        self.device, self.task = device, read_task(job.tokens)
        self.job = job = replace(job, metric=check_headline(job, self.task))
        self.positive = positive_number(job, self.task)
        self.precision = resolve_precision(job.recipe.precision, device)
        self.vocabulary = read_table(job.vocabulary)
        model = Manifest.read(job.model)
        self.model_folder = model.locate("config.json").parent
        self.model_sha256, self.model_source = model.sha256, model.source
        pairs = "ids2" in self.task.rows
        tokenizer = load_tokenizer(model.locate("tokenizer.json"))
        self._special_tokens = SpecialTokens.of(tokenizer, pairs)
        columns = ["id", "item", "split", "label", "ids", *(["ids2"] if pairs else [])]
        self.captures = CaptureHistory()
        self._weights: dict[Path, dict[str, torch.Tensor]] = {}
        self.content = digest_of(self.task.rows[columns].to_json(double_precision=15))

    def at_rate(self, rate: float) -> "ConditionInputs":
        """Return the same inputs with the recipe at one of its learning rates."""
        changed = copy.copy(self)
        changed.job = replace(self.job, recipe=self.job.recipe.at(rate))
        return changed

    def digest(self, replicate: int) -> str:
        """Return a digest of everything that determines a replicate's result."""
        job = self.job
        return digest_of(
            {
                "code_version": TRAINING,
                "condition": job.condition.columns,
                "recipe": job.recipe.model_dump(exclude_defaults=True),
                "precision": self.precision,
                "metric": job.metric,
                **({"positive": self.positive} if self.positive != 1 else {}),
                "seed": job.seed,
                "levels": self.levels(replicate),
                "tokens": self.content,
                "mapping": self.mapping(replicate).tolist(),
                "frame": self.special_tokens(replicate).ids,
                "model": self.model_sha256,
                **self._meaning_of_outputs(),
            }
        )

    def _meaning_of_outputs(self) -> dict[str, Any]:
        """What the logits stand for, where neither the rows nor the metric tell.

        Labels are in alphabetical order unless the user orders them or names the positive class.
        """
        labels = self.task.metadata["labels"]
        meaning: dict[str, Any] = {}
        if labels != sorted(labels):
            meaning["labels"] = labels
        if self.task.type == "multi-label" and self.job.metric in METRICS_OF["classification"]:
            meaning["type"] = self.task.type
        return meaning

    def provenance(self, threads: int) -> dict[str, Any]:
        """Return the provenance needed to reproduce or check the results."""
        return {
            **self.task.metadata,
            "metric": self.job.metric,
            "recipe_values": self.job.recipe.model_dump(mode="json"),
            "experiment_seed": self.job.seed,
            "model_sha256": self.model_sha256,
            "model_source": self.model_source,
            "training_code_version": TRAINING,
            "precision": self.precision,
            "device": device_name(self.device),
            "threads": threads,
            "train_majority": self.task.majority(),
        }

    def machine(self) -> dict[str, Any]:
        """Return what the replicates that this process trains are made with."""
        lora = ["peft"] if self.job.recipe.tuning == "lora" else []
        return {
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
            **describe_machine([*PACKAGES, *lora]),
        }

    def levels(self, replicate: int) -> dict[Stream, int]:
        """Return the level of each seed stream in a replicate."""
        return seed_levels(replicate, self.job.crossed)

    def seeds(self, replicate: int) -> dict[Stream, int]:
        """Return the seed of each stream in a replicate."""
        return {
            stream: derive_seed(self.job.seed, stream, level)
            for stream, level in self.levels(replicate).items()
        }

    def shuffle(self) -> Shuffle | None:
        """Return which sequences are shuffled, and the seed; the same in all replicates."""
        everything = self.job.condition.input_order == SHUFFLED_TRAINING
        if not (everything or self.shuffled_test):
            return None
        return Shuffle(derive_seed(self.job.seed, "shuffle"), everything)

    def mapping(self, replicate: int) -> NDArray[np.int64]:
        """Return the token id of each symbol id."""
        vocabulary = self._vocabulary(replicate)
        symbols = vocabulary[vocabulary["symbol_id"] >= 0]
        return symbols.sort_values("symbol_id")["token_id"].to_numpy(dtype=np.int64)

    def special_tokens(self, replicate: int) -> SpecialTokens:
        """Return the special tokens around a sequence, as the mapping moves them."""
        vocabulary = self._vocabulary(replicate)
        return self._special_tokens.mapped(
            dict(zip(vocabulary["symbol_id"], vocabulary["token_id"], strict=True))
        )

    def _vocabulary(self, replicate: int) -> pd.DataFrame:
        return self.vocabulary[self.vocabulary["replicate"] == replicate]

    def build_model(self, seeds: Mapping[Stream, int]) -> PreTrainedModel:
        """Return the model before training, with its whole vocabulary, on the CPU."""
        job = self.job
        return build_classifier(
            self.model_folder,
            job.condition.init,
            self.task.outputs,
            seeds["init"],
            job.recipe.dropout,
            self._read_checkpoint,
        )

    def _read_checkpoint(self, model: PreTrainedModel, folder: Path) -> dict[str, torch.Tensor]:
        """Read the checkpoint's weights once for all replicates."""
        if folder not in self._weights:
            self._weights[folder] = read_checkpoint(model, folder)
        return self._weights[folder]


class Replicate:
    """One replicate: its model, its encoded data and its training run."""

    def __init__(self, inputs: ConditionInputs, number: int) -> None:
        job = inputs.job
        self.inputs, self.number, self.seeds = inputs, number, inputs.seeds(number)
        self.stream = ReplicateStream(inputs.device, inputs.captures)
        self.model = inputs.build_model(self.seeds)
        set_pooling(self.model, job.recipe.pooling)
        self.data: EncodedTask = encode_task(
            inputs.task,
            self.model,
            inputs.mapping(number),
            inputs.special_tokens(number),
            float(job.condition.fraction),
            self.seeds["subset"],
            shuffle=inputs.shuffle(),
        )
        apply_tuning(self.model, job.recipe, inputs.model_folder, self.seeds["init"])
        self.centre, self.scale = standardise(self.data.train, inputs.task.type)
        with self.stream.activate():
            self.model.to(inputs.device)
            prepare_for_training(self.model, inputs.precision)
            # Scored before the first step, and where the recipe says: last at the end.
            self._predict_dev = self._predictor(self.data.dev, job.recipe.evaluations + 1)
            self._dev_logits: Callable[[], NDArray[np.float64]] | None = None
            self.run = Run(
                self.model,
                self.data.train,
                job.recipe,
                self.seeds["order"],
                self.seeds["dropout"],
                self.stream,
                inputs.precision,
                self._queue_dev_score,
                self._loss(),
            )

    def finish(self) -> ReplicateResult:
        """Return the predictions and the curve of a run that has ended."""
        divergence, logits = self.run.divergence, {}
        if not divergence:
            with self.stream.activate():
                # A run that was resumed after its last step has no logits of that step yet.
                dev = (self._dev_logits or self._predict_dev)()
                logits = {"dev": dev, "test": self._predict(self.data.test)}
                if self.data.shuffled_test:
                    logits[SHUFFLED_INPUT] = self._predict(self.data.shuffled_test)
            if not all(np.isfinite(of_split).all() for of_split in logits.values()):
                divergence, logits = self.run.diverge(self.run.steps), {}
        curve = pd.DataFrame(map(asdict, self.run.curve), columns=CURVE_SCHEMA.names)
        shuffled = {"test": logits.pop(SHUFFLED_INPUT)} if SHUFFLED_INPUT in logits else {}
        return ReplicateResult(
            self._tabulate(logits),
            curve.assign(replicate=self.number),
            divergence,
            self.inputs.machine(),
            self._tabulate(shuffled) if self.data.shuffled_test else None,
        )

    def save_model(self, folder: Path) -> None:
        """Write the trained model with its whole vocabulary, as transformers loads it."""
        whole = self.inputs.build_model(self.seeds)
        restore_vocabulary(whole, self.model, self.data.tokens)
        if self.inputs.task.type == "regression":
            rescale_output(whole, self.centre, self.scale)
        else:
            labels = self.inputs.task.metadata["labels"]
            whole.config.id2label = dict(enumerate(labels))
            whole.config.label2id = {label: number for number, label in enumerate(labels)}
        mark_pooling(whole.config, self.inputs.job.recipe.pooling)
        if self.inputs.task.type == "multi-label":
            whole.config.problem_type = "multi_label_classification"
        whole.save_pretrained(folder)

    def _loss(self) -> Loss | None:
        """Return the loss that the recipe asks for; None for the plain mean."""
        task = self.inputs.task
        if self.inputs.job.recipe.class_weights == "none" or task.type == "regression":
            return None
        targets, device = self.data.train.targets, self.inputs.device
        if targets.ndim == 2:
            return weighted_set_loss(balanced_label_weights(targets).to(device))
        return weighted_loss(balanced_weights(targets, task.outputs).to(device))

    def _predictor(self, split: EncodedSplit, calls: int) -> Predictor:
        return Predictor(self.model, split, self.inputs.precision, self.stream, calls)

    def _predict(self, split: EncodedSplit) -> NDArray[np.float64]:
        return self._predictor(split, 1)()

    def _queue_dev_score(self) -> Callable[[], float]:
        self._dev_logits = logits = self._predict_dev.queue()
        return lambda: self._score_dev(logits())

    def _score_dev(self, logits: NDArray[np.float64]) -> float:
        dev = self.data.dev
        if not np.isfinite(logits).all():
            return math.nan
        return score_items(
            dev.items,
            dev.targets,
            logits,
            self.inputs.task.type,
            self.inputs.job.metric,
            self.inputs.positive,
        )

    def _tabulate(self, logits: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
        rows, names = self.inputs.task.rows, prediction_schema(self.inputs.task.type).names
        parts = [
            rows[rows["split"] == split].assign(
                logits=list((of_split * self.scale + self.centre).astype(np.float32)),
                replicate=self.number,
            )[names]
            for split, of_split in logits.items()
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def standardise(train: EncodedSplit, task_type: str) -> tuple[float, float]:
    """Give regression targets mean 0 and deviation 1, in place; return that mean and deviation."""
    if task_type != "regression":
        return 0.0, 1.0
    centre, scale = float(train.targets.mean()), float(train.targets.std()) or 1.0
    train.targets[:] = (train.targets - centre) / scale
    return centre, scale
