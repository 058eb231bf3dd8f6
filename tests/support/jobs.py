"""Small fine-tuning jobs for the tests, and a process that runs one until it ends or is killed.

python tests/support/jobs.py FOLDER CHECKPOINT CHECKPOINT_SECONDS
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, models

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.recipes import Recipe
from polymath.tokenization.tokenize import token_schema
from polymath.tokenization.vocabulary_mapping import MappingJob, map_vocabulary
from polymath.training.batches import Batch, EncodedSplit
from polymath.training.finetune import finetune
from polymath.training.job import Execution, Job, Outputs
from polymath.util.storage import write_table

CLASSES: list[Any] = ["even", "odd"] * 30


def recipe_of(**changes: object) -> Recipe:
    """A recipe of 40 steps in fp32 without dropout."""
    values: dict[str, Any] = {"learning_rate": 3e-3, "batch_size": 8, "steps": 40,
              "warmup": 0.1, "clip_norm": 1.0, "dropout": 0.0, "precision": "fp32",
              "evaluations": 1}  # fmt: skip
    return Recipe(**{**values, **changes})


def some_data(rows: int = 64, seed: int = 0) -> EncodedSplit:
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
    return EncodedSplit(
        ids=ids,
        lengths=lengths,
        targets=targets.astype(float),
        items=np.array([str(row) for row in range(rows)]),
        padding=0,
    )


def some_batch(rows: int = 16, length: int = 30, padded: bool = True) -> Batch:
    """Rows of three classes over the small vocabulary, of which every second is a third padding."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(7, 200, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[::2, 2 * length // 3 :] = 0
    targets = torch.randint(0, 3, (rows,), generator=generator).double()
    return Batch(ids, mask if padded else None, targets)


def write_job(folder: Path, checkpoint: Path, labels: list[Any], **changes: Any) -> Job:
    """Write a small task's inputs and return its job; dropout is on."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    length, task_type = changes.get("length"), _type_of(labels)
    lengths = [length] * len(labels) if length else generator.integers(6, 20, len(labels)).tolist()
    rows = pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(len(labels))],
            "item": [f"r{row}" for row in range(len(labels))],
            "window": 0,
            "split": [("train", "train", "dev", "test")[row % 4] for row in range(len(labels))],
            "label": labels,
            "length": lengths,
            "ids": [generator.integers(0, 20, n).tolist() for n in lengths],
        }
    )
    metadata = {
        "type": task_type,
        "labels": sorted(set(labels)) if task_type == "classification" else [],
        "domain": "dna",
    }
    write_table(rows, folder / "tokens.parquet", token_schema(task_type), metadata)
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = [checkpoint / name for name in names]
    Manifest.of(folder / "manifest.json", {}, files).write()
    domain = Tokenizer(models.WordLevel({f"s{i}": i for i in range(20)}, unk_token=""))
    domain.save(str(folder / "symbols.json"))
    mapped = MappingJob(folder / "symbols.json", checkpoint / "tokenizer.json", "random",
                        seed=1, replicates=5, trials=3)  # fmt: skip
    map_vocabulary(mapped, folder / "vocabulary.parquet")
    return Job(
        condition=Condition("odd", "small", changes.get("init", "scratch"), "random",
                            changes.get("fraction", "1"), "tiny"),
        recipe=recipe_of(**{"steps": 6, "evaluations": 2, "dropout": 0.1,
                            **changes.get("recipe", {})}),
        metric="accuracy" if task_type == "classification" else "spearman",
        seed=1,
        replicates=changes.get("replicates", 2),
        crossed=changes.get("crossed", {}),
        tokens=folder / "tokens.parquet",
        vocabulary=folder / "vocabulary.parquet",
        model=folder / "manifest.json",
    )  # fmt: skip


def _type_of(labels: list[Any]) -> str:
    return "classification" if isinstance(labels[0], str) else "regression"


def outputs_in(folder: Path, models: bool = False) -> Outputs:
    """Where a test's job puts its results."""
    out = folder / "out"
    return Outputs(
        out / "predictions.parquet", out / "curves.parquet", out / "models" if models else None
    )


def predictions_of(folder: Path) -> bytes:
    """The bytes of the predictions of a test's job."""
    return outputs_in(folder).predictions.read_bytes()


def run_job(job: Job, folder: Path, models: bool = False, seconds: float = 60) -> list[str]:
    """Run a job and return what it said."""
    said: list[str] = []
    finetune(job, Execution(1, seconds), outputs_in(folder, models), said.append)
    return said


def long_job(folder: Path, checkpoint: Path) -> Job:
    """Two replicates of some seconds, dropout and mixed lengths included."""
    return write_job(folder, checkpoint, CLASSES, recipe={"steps": 400, "evaluations": 8})


if __name__ == "__main__":
    from polymath.util.job_log import job_log, log

    here, source, interval = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    with job_log(str(here / "log"), "long"):
        finetune(long_job(here, source), Execution(1, interval), outputs_in(here), log)
