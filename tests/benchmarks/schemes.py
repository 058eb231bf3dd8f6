"""Three ways to train the same classifier, step by step under a clock."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
SHAPES = ["16x62", "32x128", "reuters"]
STEPS = {"cpu": 14, "cuda": 400}
REUTERS_LENGTH = 128
WARM_UP = 5  # steps that are not timed
MODEL = {
    "cpu": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
            "intermediate_size": 1536},  # MiniLM-L6
    "cuda": {},  # BERT-base
}  # fmt: skip
SYMBOLS = 24  # tokens in use, as an alphabet has them


@dataclass(frozen=True)
class Shape:
    """A batch size, the lengths of the rows to draw batches from, what padding goes to, and the
    model's dropout.
    """

    batch: int
    lengths: NDArray[np.int64]
    longest: int
    dropout: float

    @property
    def steps(self) -> int:
        return len(self.lengths) // self.batch


@dataclass
class Clock:
    """Notes when each step ended; waits for a GPU where the timed steps begin and end."""

    device: str
    steps: int
    moments: list[float] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)

    def tick(self, examples: int) -> None:
        self.examples.append(examples)
        if self.device == "cuda" and len(self.examples) in (WARM_UP, self.steps):
            import torch

            torch.cuda.synchronize()
        self.moments.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return self.moments[-1] - self.moments[WARM_UP - 1]

    @property
    def rate(self) -> float:
        return sum(self.examples[WARM_UP:]) / self.seconds


def device_here() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_here() -> str:
    from polymath.training.devices import resolve_precision

    return resolve_precision("auto", device_here())


def make_shape(name: str, lengths: Path, dropout: float) -> Shape:
    """Return a shape by name; R8's rows are a random sample of its documents' lengths."""
    steps = WARM_UP + STEPS[device_here()]
    if name == "reuters":
        drawn = np.random.default_rng(0).choice(np.load(lengths), 16 * steps)
        return Shape(16, drawn, REUTERS_LENGTH, dropout)
    batch, length = (int(part) for part in name.split("x"))
    return Shape(batch, np.full(batch * steps, length), length, dropout)


def write_reuters_lengths(results: Path, path: Path) -> None:
    """Count the tokens of R8's training documents, which Snakemake prepares if need be."""
    import pandas as pd
    from tokenizers import Tokenizer

    records = results / "records/reuters.parquet"
    tokenizer = results / "models/minilm-l6/tokenizer.json"
    if not (records.exists() and tokenizer.exists()):
        names = [str(records), str(tokenizer.with_name("manifest.json"))]
        snakemake = str(Path(sys.executable).with_name("snakemake"))
        command = [snakemake, "--cores", "all", "--config", f"results={results}", "--", *names]
        subprocess.run(command, cwd=ROOT, check=True)
    table = pd.read_parquet(records)
    coder = Tokenizer.from_file(str(tokenizer))
    coder.no_padding()
    coder.enable_truncation(REUTERS_LENGTH)
    texts = list(table[table["split"] == "train"]["sequence"])
    np.save(path, [len(encoding.ids) for encoding in coder.encode_batch(texts)])


def rows_of(shape: Shape) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    generator = np.random.default_rng(1)
    ids = [
        np.concatenate([[101], 2000 + generator.integers(0, SYMBOLS, length - 2), [102]])
        for length in shape.lengths
    ]
    return ids, generator.integers(0, 3, len(ids))


def new_model(device: str, dropout: float) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bert", num_labels=3, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout, **MODEL[device],
    )  # fmt: skip
    return AutoModelForSequenceClassification.from_config(config)


def make_run(
    shape: Shape, device: str, seed: int = 0, stream: Any = None, model: Any = None
) -> Any:
    """Return a training run as the workflow makes it; a model that is handed over is used up."""
    from polymath.experiment.recipes import Recipe
    from polymath.models.compact_embeddings import compact_embeddings
    from polymath.training.acceleration.cuda_graphs import ReplicateStream
    from polymath.training.acceleration.prepare import prepare_for_training
    from polymath.training.batches import EncodedSplit
    from polymath.training.loop import Run

    ids, targets = rows_of(shape)
    recipe = Recipe(
        learning_rate=1e-5, batch_size=shape.batch, steps=shape.steps, clip_norm=1, evaluations=1
    )
    model = new_model(device, shape.dropout) if model is None else model
    stream = stream or ReplicateStream(device)
    tokens = compact_embeddings(model, sorted({int(t) for row in ids for t in row} | {0}))
    data = EncodedSplit(
        ids=[np.array([tokens[int(token)] for token in row]) for row in ids],
        lengths=shape.lengths,
        targets=targets.astype(float),
        items=np.arange(len(ids)).astype(str),
        padding=0,
    )
    with stream.activate():
        model.to(device)
        prepare_for_training(model, precision_here())
        return Run(model, data, recipe, seed, 0, stream, precision_here(), lambda: lambda: 0.0)


def train_polymath(shape: Shape, clock: Clock, replicates: int) -> Callable[[], int]:
    """Train as the workflow does; return what counts the timed steps' operations."""
    from polymath.training.devices import configure_torch
    from polymath.training.loop import train

    configure_torch(os.cpu_count() or 1)
    runs = [make_run(shape, clock.device, number) for number in range(replicates)]
    before = 0
    for _ in train(runs):
        clock.tick(replicates * (runs[0].examples - before))
        before = runs[0].examples
    return lambda: replicates * sum(count_flops(runs[0])[WARM_UP:])


def count_flops(run: Any) -> list[int]:
    """Return the operations of each step's matrix products, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from polymath.training.batches import gather_batch
    from polymath.training.loop import batch_loss

    counts: dict[Any, int] = {}
    for shape in run._shapes:
        if shape not in counts:
            places = torch.arange(shape.rows, device=run.model.device)
            with FlopCounterMode(display=False) as counter:
                batch = gather_batch(run.data, places, shape)
                batch_loss(run.model, batch, run.precision).backward()
            counts[shape] = counter.get_total_flops()
    return [counts[shape] for shape in run._shapes]


def train_authors(shape: Shape, clock: Clock, replicates: int) -> None:
    """Train as the authors' code does."""
    import torch

    ids, targets = rows_of(shape)
    model = new_model(clock.device, shape.dropout).to(clock.device)
    model.set_attn_implementation("eager")
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-5, foreach=False, fused=False)
    for start in range(0, shape.steps * shape.batch, shape.batch):
        padded = np.zeros((shape.batch, shape.longest), dtype=np.int64)
        for place, row in enumerate(ids[start : start + shape.batch]):
            padded[place, : len(row)] = row
        batch = torch.from_numpy(padded).to(clock.device)
        labels = torch.from_numpy(targets[start : start + shape.batch]).to(clock.device)
        loss = model(input_ids=batch, attention_mask=(batch != 0).long(), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
        clock.tick(shape.batch)


def train_trainer(shape: Shape, clock: Clock, replicates: int) -> None:
    """Train as transformers' Trainer does with its usual good settings."""
    from tokenizers import Tokenizer, models
    from transformers import (
        DataCollatorWithPadding,
        PreTrainedTokenizerFast,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Ticking(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            clock.tick(shape.batch)

    plain = Tokenizer(models.WordLevel({"[PAD]": 0}, unk_token="[PAD]"))
    padder = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]")
    rows = [
        {"input_ids": row.tolist(), "attention_mask": [1] * len(row), "labels": int(label)}
        for row, label in zip(*rows_of(shape), strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=shape.batch, max_steps=shape.steps,
            train_sampling_strategy="group_by_length", bf16=precision_here() == "bf16",
            use_cpu=clock.device == "cpu", optim="adamw_torch_fused", learning_rate=1e-5,
            max_grad_norm=1.0, report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True,
        )  # fmt: skip
        Trainer(
            model=new_model(clock.device, shape.dropout), args=arguments, train_dataset=rows,
            data_collator=DataCollatorWithPadding(padder), callbacks=[Ticking()],
        ).train()  # fmt: skip


SCHEMES: dict[str, Callable[[Shape, Clock, int], Callable[[], int] | None]] = {
    "polymath": train_polymath, "trainer": train_trainer, "authors": train_authors,
}  # fmt: skip
