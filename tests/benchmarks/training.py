"""Training throughput against transformers' Trainer and the authors' scheme, in one run.

    python tests/benchmarks/training.py [--json FILE] [--shapes 16x62 32x128 reuters] [--turns 3]
        [--results FOLDER] [--replicates N] [--show FILE]

The rivals, on the same sequences, batch size and model (random weights):

- trainer: transformers' Trainer as one would set it up for speed (dynamic padding, grouped by
  length, bf16 where the hardware has it, fused AdamW);
- authors: the scheme of Kao and Lee's code (fp32, every batch padded to the maximum, Adam that
  is not fused).

Each is measured in processes of its own, in turns, and the best of its turns counts. The share of
the peak is the floating-point operations of a step, as torch counts them, over its time, against
the best matrix product of the same precision on the same threads. On a GPU, `--replicates`
replicates are also trained side by side.

Shapes: fixed 16 × 62 and 32 × 128 tokens, and Reuters R8 (training documents cut at 128 tokens,
batches of 16), whose lengths come from the default experiment's records in `--results`; if they
are not there yet, Snakemake fetches and prepares them.
"""

import argparse
import json
import os
import resource
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
WARM_UP = 5  # steps that are not timed
STEPS = {"cpu": 14, "cuda": 400}
MODEL = {
    "cpu": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
            "intermediate_size": 1536},  # MiniLM-L6
    "cuda": {},  # BERT-base
}  # fmt: skip
SYMBOLS = 24  # tokens in use, as an alphabet has them
REUTERS_LENGTH = 128
GIB = 2**30


@dataclass(frozen=True)
class Shape:
    """A batch size, the lengths of the rows to draw batches from, and what padding goes to."""

    batch: int
    lengths: NDArray[np.int64]
    longest: int

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


def make_shape(name: str, lengths: Path) -> Shape:
    """Return a shape by name; R8's rows are a random sample of its documents' lengths."""
    steps = WARM_UP + STEPS[device_here()]
    if name == "reuters":
        drawn = np.random.default_rng(0).choice(np.load(lengths), 16 * steps)
        return Shape(16, drawn, REUTERS_LENGTH)
    batch, length = (int(part) for part in name.split("x"))
    return Shape(batch, np.full(batch * steps, length), length)


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


def new_model(device: str) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bert", num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        **MODEL[device],
    )  # fmt: skip
    return AutoModelForSequenceClassification.from_config(config)


def train_polymath(shape: Shape, clock: Clock, replicates: int) -> Callable[[], int]:
    """Train as the workflow does; return what counts the timed steps' operations."""
    from polymath.config import Recipe
    from polymath.models import compact_embeddings
    from polymath.training.batches import Encoded
    from polymath.training.capture import Lane
    from polymath.training.cpu import tune_model
    from polymath.training.devices import set_up_process
    from polymath.training.loop import Run, train

    set_up_process(os.cpu_count() or 1)
    ids, targets = rows_of(shape)
    recipe = Recipe(
        learning_rate=1e-5, batch_size=shape.batch, steps=shape.steps, clip_norm=1, evaluations=1
    )
    runs = []
    for number in range(replicates):
        model, lane = new_model(clock.device), Lane(clock.device)
        tokens = compact_embeddings(model, sorted({int(t) for row in ids for t in row} | {0}))
        data = Encoded(
            ids=[np.array([tokens[int(token)] for token in row]) for row in ids],
            lengths=shape.lengths,
            targets=targets.astype(float),
            items=np.arange(len(ids)).astype(str),
            padding=0,
        )
        with lane.entered():
            model.to(clock.device)
            if clock.device == "cpu":
                tune_model(model, precision_here())
            run = Run(model, data, recipe, number, 0, lane, precision_here(), lambda: 0.0)
        runs.append(run)
    before = 0
    for _ in train(runs):
        clock.tick(replicates * (runs[0].examples - before))
        before = runs[0].examples
    return lambda: replicates * sum(count_flops(runs[0])[WARM_UP:])


def count_flops(run: Any) -> list[int]:
    """Return the operations of each step's matrix products, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from polymath.training.batches import take_batch
    from polymath.training.loop import batch_loss

    counts: dict[Any, int] = {}
    for shape in run._shapes:
        if shape not in counts:
            places = torch.arange(shape.rows, device=run.model.device)
            with FlopCounterMode(display=False) as counter:
                batch = take_batch(run.data, places, shape)
                batch_loss(run.model, batch, run.precision).backward()
            counts[shape] = counter.get_total_flops()
    return [counts[shape] for shape in run._shapes]


def train_authors(shape: Shape, clock: Clock, replicates: int) -> None:
    """Train as the authors' code does."""
    import torch

    ids, targets = rows_of(shape)
    model = new_model(clock.device).to(clock.device)
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
            model=new_model(clock.device), args=arguments, train_dataset=rows,
            data_collator=DataCollatorWithPadding(padder), callbacks=[Ticking()],
        ).train()  # fmt: skip


SCHEMES: dict[str, Callable[[Shape, Clock, int], Callable[[], int] | None]] = {
    "polymath": train_polymath, "trainer": train_trainer, "authors": train_authors,
}  # fmt: skip


def measure_scheme(scheme: str, name: str, lengths: Path, replicates: int) -> dict[str, float]:
    """Return a scheme's examples and operations a second, and the process's peak memory."""
    import torch

    shape = make_shape(name, lengths)
    clock = Clock(device_here(), shape.steps)
    count = SCHEMES[scheme](shape, clock, replicates)
    if clock.device == "cuda":
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    flops = count() if count else 0
    return {"rate": clock.rate, "flops": flops / clock.seconds, "memory": memory}


def measure_gemm() -> dict[str, float]:
    """Return the best rate of a large matrix product in the precision that training uses."""
    import torch

    device = device_here()
    kind = torch.bfloat16 if precision_here() == "bf16" else torch.float32
    size = 8192 if device == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    best = float("inf")
    for _ in range(12):
        started = time.perf_counter()
        for _ in range(8 if device == "cuda" else 1):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - started) / (8 if device == "cuda" else 1))
    return {"flops": 2 * size**3 / best}


def measure_start_up(spawned: float) -> dict[str, float]:
    """Return the seconds from a process's start to its first forward pass, inputs cached."""
    sys.path.insert(0, str(ROOT / "tests"))
    from polymath.training.finetune import Execution, finetune
    from polymath.training.loop import Run
    from small_jobs import CLASSES, outputs_in, write_job

    class BegunError(Exception):
        pass

    def begin(run: Run) -> None:
        raise BegunError

    with tempfile.TemporaryDirectory() as folder:
        prepared = time.time()
        checkpoint = write_checkpoint(Path(folder))
        job = write_job(Path(folder), checkpoint, CLASSES * 50, length=60, init="pretrained")
        preparing = time.time() - prepared
        Run.advance = begin  # type: ignore[method-assign, assignment]
        try:
            finetune(job, Execution(1), outputs_in(Path(folder)), lambda message: None)
        except BegunError:
            return {"seconds": time.time() - spawned - preparing}
    raise AssertionError("training never began")


def write_checkpoint(folder: Path) -> Path:
    """Save a random model with as many tokens as a text model has."""
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForMaskedLM

    config = AutoConfig.for_model("bert", **MODEL[device_here()])
    model = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder / "model")
    words = {"[PAD]": 0, **{f"w{number}": number for number in range(1, config.vocab_size)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer.add_special_tokens(["[PAD]"])
    tokenizer.save(str(folder / "model/tokenizer.json"))
    return folder / "model"


def in_a_process(*words: str) -> dict[str, float]:
    """Measure something in a process of its own."""
    command = [sys.executable, __file__, "--measure", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure_one(words: list[str]) -> dict[str, float]:
    match words:
        case ["gemm"]:
            return measure_gemm()
        case ["start-up", spawned]:
            return measure_start_up(float(spawned))
        case [scheme, name, lengths, replicates]:
            return measure_scheme(scheme, name, Path(lengths), int(replicates))
    raise SystemExit(f"cannot measure {words}")


def measure_all(results: Path, names: list[str], turns: int, replicates: int) -> dict[str, Any]:
    """Measure every scheme and shape, in turns, and return the figures."""
    import torch

    device = device_here()
    counts = {"polymath": 1, "trainer": 1, "authors": 1}
    best: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lengths = Path(folder) / "lengths.npy"
        if "reuters" in names:
            write_reuters_lengths(results, lengths)
        gemm = max(in_a_process("gemm")["flops"] for _ in range(turns))
        start_up = min(in_a_process("start-up", str(time.time()))["seconds"] for _ in range(turns))
        for turn in range(turns):
            for name in names:
                for scheme, count in counts.items():
                    print(f"turn {turn + 1} of {turns}: {name}, {scheme}", file=sys.stderr)
                    one = in_a_process(scheme, name, str(lengths), str(count))
                    best[scheme, name] = max(best.get((scheme, name), one), one,
                                             key=lambda found: found["rate"])  # fmt: skip
        together = {}
        if device == "cuda" and replicates > 1:
            for name in names:
                together[name] = in_a_process("polymath", name, str(lengths), str(replicates))
    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    figures: dict[str, Any] = {
        "device": gpu or f"CPU, {os.cpu_count()} cores",
        "model": "bert-base" if device == "cuda" else "minilm-l6",
        "precision": precision_here(),
        "torch": torch.__version__,
        "gemm_flops": gemm,
        "start_up_seconds": start_up,
    }
    for rival in ("trainer", "authors"):
        figures[f"ratio_vs_{rival}"] = {
            name: best["polymath", name]["rate"] / best[rival, name]["rate"] for name in names
        }
    figures["fraction_of_peak"] = {n: best["polymath", n]["flops"] / gemm for n in names}
    for key, what in (("examples_per_second", "rate"), ("peak_memory_bytes", "memory")):
        figures[key] = {s: {name: best[s, name][what] for name in names} for s in counts}
    if together:
        figures["side_by_side"] = {
            "replicates": replicates,
            "examples_per_second": {name: one["rate"] for name, one in together.items()},
            "fraction_of_peak": {name: one["flops"] / gemm for name, one in together.items()},
        }
    return figures


def print_table(figures: dict[str, Any]) -> None:
    """Print the figures as a Markdown table."""
    print(f"{figures['device']}; {figures['model']}; {figures['precision']}; best matrix product "
          f"{figures['gemm_flops'] / 1e9:,.0f} GFLOP/s; {figures['start_up_seconds']:.1f} s from a "
          "process's start to its first batch\n")  # fmt: skip
    print("| shape | examples/s | Trainer | ratio | authors' scheme | ratio | share of the peak "
          "| memory, GiB: here / Trainer / authors |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    rates, memory = figures["examples_per_second"], figures["peak_memory_bytes"]
    for name, share in figures["fraction_of_peak"].items():
        used = " / ".join(f"{memory[scheme][name] / GIB:.1f}" for scheme in SCHEMES)
        print(f"| {name} | {rates['polymath'][name]:.1f} | {rates['trainer'][name]:.1f} "
              f"| {figures['ratio_vs_trainer'][name]:.2f} | {rates['authors'][name]:.1f} "
              f"| {figures['ratio_vs_authors'][name]:.2f} | {share:.0%} | {used} |")  # fmt: skip
    if "side_by_side" in figures:
        beside = figures["side_by_side"]
        for name, rate in beside["examples_per_second"].items():
            print(f"{beside['replicates']} replicates side by side, {name}: {rate:.1f} examples/s, "
                  f"{beside['fraction_of_peak'][name]:.0%} of the peak")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--turns", type=int, default=3, help="measurements of each scheme")
    parser.add_argument("--replicates", type=int, default=10, help="side by side, on a GPU")
    parser.add_argument("--show", type=Path, help="print the figures of such a file instead")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure_one(arguments.measure)))
        return
    if arguments.show:
        print_table(json.loads(arguments.show.read_text(encoding="utf-8")))
        return
    figures = measure_all(
        arguments.results.resolve(), arguments.shapes, arguments.turns, arguments.replicates
    )
    print_table(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
