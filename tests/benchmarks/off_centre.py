"""Why random weights rank better than they decide at a short budget, and what centres them.

    python tests/benchmarks/off_centre.py [--results FOLDER] [--json FILE] [--show FILE]

Trains MiniLM-L3 from random weights on antimicrobial peptides, two classes, for a short budget: as
the recipe says, and with one thing changed. FOLDER is the results folder of the default experiment,
whose tokens it reads. Printed, as means over replicates: ROC-AUC on test; accuracy with the
threshold of 0.5, and with the one that is best on dev; how far the share of items predicted as the
second class is from its true share; and how far the threshold that is best on test is from 0.5, of
the logits' difference, in units of its standard deviation over items. The scatter is the standard
deviation over batches of the share of the second class.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from command import run
from numpy.typing import NDArray
from schemes import ROOT

from polymath.evaluation.metrics import score
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.experiment.recipes import Recipe
from polymath.training import batches
from polymath.training.job import Job
from polymath.training.replicate import ConditionInputs, Replicate

Floats = NDArray[np.float64]
TASK, MODEL, STEPS, REPLICATES, SEED = "amp", "minilm-l3", 60, 3, 2103
RECIPE: dict[str, Any] = {
    "learning_rate": 1e-4, "batch_size": 16, "steps": STEPS, "warmup": 0.1, "schedule": "linear",
    "clip_norm": 1.0, "dropout": 0.0, "precision": "auto", "evaluations": 1,
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "constant rate": {"schedule": "constant"},
    "fp32": {"precision": "fp32"},
    "batches not by length": {},
    "as many of each class per batch": {},
    "class weights": {"class_weights": "balanced"},
    "head starts at zero": {},
    "four times the steps": {"steps": 4 * STEPS},
}
LABELS = {
    "auc": "AUC", "accuracy": "accuracy at 0.5", "chosen": "threshold of dev",
    "share": "share off by", "offset": "offset",
    "batches": "scatter of batches",
}  # fmt: skip


def best_threshold(targets: Floats, margins: Floats) -> float:
    """Return the threshold of margins with the best accuracy, of equals the one nearest to 0."""
    values = np.unique(margins)
    middle = (values[1:] + values[:-1]) / 2
    candidates = np.concatenate([[values[0] - 1], middle, [values[-1] + 1], [0.0]])
    candidates = candidates[np.argsort(np.abs(candidates), kind="stable")]
    right = [np.mean((margins > threshold) == (targets == 1)) for threshold in candidates]
    return float(candidates[int(np.argmax(right))])


def alternate_classes(targets: Floats, batch: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield shuffled batches with as many rows of each of two classes, endlessly."""
    generator = np.random.default_rng(seed)
    by_class = [np.flatnonzero(targets == number) for number in (0, 1)]
    while True:
        drawn = [generator.choice(rows, batch // 2, replace=False) for rows in by_class]
        yield generator.permutation(np.concatenate(drawn))


def changed(name: str, targets: Floats) -> AbstractContextManager[Any]:
    """Return a context that applies the named change; it does nothing if the recipe has it."""
    match name:
        case "batches not by length":
            return patch.object(batches, "POOL_BATCHES", 1)
        case "as many of each class per batch":
            return patch(
                "polymath.training.loop.training_batches",
                lambda lengths, batch, seed: alternate_classes(targets, batch, seed),
            )
    return nullcontext()


def train(inputs: ConditionInputs, name: str, number: int) -> Replicate:
    """Return a replicate that was trained with a change."""
    rows = inputs.task.rows[inputs.task.rows["split"] == "train"]
    with changed(name, inputs.task.targets(rows)):
        replicate = Replicate(inputs, number)
        if name == "head starts at zero":
            # The output layer: the last matrix with a row per class.
            outputs = [
                p for p in replicate.model.parameters() if p.shape[:1] == (2,) and p.ndim > 1
            ]
            with torch.no_grad():
                outputs[-1].zero_()
        while not replicate.run.ended:
            replicate.run.advance()
    return replicate


def scatter_of_batches(replicate: Replicate) -> float:
    """Return the standard deviation over batches of the share of the second class."""
    of_rows = replicate.data.train.targets[replicate.run._rows.numpy()]
    return float(np.std([batch.mean() for batch in np.split(of_rows, replicate.run._ends[:-1])]))


def judge(replicate: Replicate) -> dict[str, float]:
    """Return a trained replicate's figures, by the keys of LABELS."""
    dev, test = replicate.data.dev, replicate.data.test
    on_dev, on_test = (
        replicate._predictor(split, 1)() @ np.array([-1.0, 1.0]) for split in (dev, test)
    )
    outputs = np.stack([-on_test, on_test], axis=1)
    predicted, spread = on_test > 0, on_test.std() or 1.0
    chosen = best_threshold(dev.targets, on_dev)
    return {
        "auc": score("roc_auc", test.targets, outputs),
        "accuracy": float(np.mean(predicted == (test.targets == 1))),
        "chosen": float(np.mean((on_test > chosen) == (test.targets == 1))),
        "share": float(abs(predicted.mean() - test.targets.mean())),
        "batches": scatter_of_batches(replicate),
        "offset": float(abs(best_threshold(test.targets, on_test)) / spread),
    }


def measure(results: Path) -> dict[str, Any]:
    """Return the mean figures of each change, and the values of each replicate."""
    paths = ResultPaths.of(results)
    condition = Condition(TASK, MODEL, "scratch", "random", "1", "short")
    tokens = next((paths.root / "tokens" / f"task={TASK}").rglob("tokens.parquet"))
    rows: dict[str, list[dict[str, float]]] = {}
    for name, changes in CHANGES.items():
        job = Job(
            condition=condition,
            recipe=Recipe(**{**RECIPE, **changes}),
            metric="accuracy",
            seed=SEED,
            replicates=REPLICATES,
            crossed={},
            tokens=tokens,
            vocabulary=paths.vocabulary(TASK, MODEL, "random"),
            model=paths.model_manifest(MODEL),
        )
        inputs = ConditionInputs(job, "cpu")
        rows[name] = [judge(train(inputs, name, number)) for number in range(REPLICATES)]
        print(f"{name}: {rows[name]}", flush=True)
    return {"steps": STEPS, "replicates": REPLICATES, "changes": rows}


def to_table(figures: dict[str, Any]) -> str:
    """Return the means over replicates as a Markdown table."""
    lines = [
        f"{figures['steps']} steps of 16 peptides, {figures['replicates']} replicates:\n",
        f"| changed | {' | '.join(LABELS.values())} |",
        f"|---|{'---|' * len(LABELS)}",
    ]
    for name, rows in figures["changes"].items():
        means = [np.mean([row[key] for row in rows]) for key in LABELS]
        lines.append(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(__doc__ or "", measure, to_table, "--results", ROOT / "results")
