"""Training throughput against transformers' Trainer and the authors' scheme, in one run.

    python tests/benchmarks/training.py [--json FILE] [--shapes 16x62 32x128 reuters] [--turns 3]
        [--dropout 0.1] [--results FOLDER] [--replicates N] [--show FILE]

The rivals, on the same sequences, batch size and model (random weights):

- trainer: transformers' Trainer as one would set it up for speed (dynamic padding, grouped by
  length, bf16 where the hardware has it, fused AdamW);
- authors: the scheme of Kao and Lee's code (fp32, every batch padded to the maximum, Adam that
  is not fused).

Each is measured in processes of its own, in turns, and the best of its turns counts. The share of
the peak is the floating-point operations of a step, as torch counts them, over its time, against
the best matrix product of the same precision on the same threads. On a GPU, `--replicates`
replicates are also trained side by side. One file is kept per kind of device and processor:
resources/benchmarks/cpu-2-cores.json (without AMX), cpu-2-cores-amx.json, and one per GPU.

Shapes: fixed 16 × 62 and 32 × 128 tokens, and Reuters R8 (training documents cut at 128 tokens,
batches of 16), whose lengths come from the default experiment's records in `--results`; if they
are not there yet, Snakemake fetches and prepares them.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from command import measure_in_process
from schemes import (
    MODEL,
    ROOT,
    SCHEMES,
    SHAPES,
    Clock,
    device_here,
    make_shape,
    precision_here,
    write_reuters_lengths,
)

GIB = 2**30
Figures = dict[str, Any]
# What decides how fast a processor's products are, best first.
PRODUCT_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")


def measure_scheme(
    scheme: str, name: str, lengths: Path, replicates: int, dropout: float
) -> Figures:
    """Return a scheme's examples and operations a second, and the process's peak memory."""
    import torch

    shape = make_shape(name, lengths, dropout)
    clock = Clock(device_here(), shape.steps)
    count = SCHEMES[scheme](shape, clock, replicates)
    if clock.device == "cuda":
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    flops = count() if count else 0
    return {"rate": clock.rate, "flops": flops / clock.seconds, "memory": memory}


def measure_gemm() -> Figures:
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


def measure_start_up(folder: Path, spawned: float) -> Figures:
    """Return the seconds from a process's start to its first forward pass.

    The model lies in `folder`; the time to write the task's small tables is left out.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    from polymath.training.finetune import finetune
    from polymath.training.job import Execution
    from polymath.training.loop import Run
    from support.jobs import CLASSES, outputs_in, write_job

    class BegunError(Exception):
        pass

    def begin(run: Run) -> None:
        raise BegunError

    begun = time.time()
    job = write_job(folder, folder / "model", CLASSES * 50, length=60, init="pretrained")
    writing = time.time() - begun
    Run.advance = begin  # type: ignore[method-assign, assignment]
    try:
        finetune(job, Execution(1, 60), outputs_in(folder), lambda message: None)
    except BegunError:
        return {"seconds": time.time() - spawned - writing}
    raise AssertionError("training never began")


def write_checkpoint(folder: Path) -> Figures:
    """Save a random model with as many tokens as a text model has; nothing is measured."""
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForMaskedLM

    config = AutoConfig.for_model("bert", **MODEL[device_here()])
    model = AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder / "model")
    words = {"[PAD]": 0, **{f"w{number}": number for number in range(1, config.vocab_size)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer.add_special_tokens(["[PAD]"])
    tokenizer.save(str(folder / "model/tokenizer.json"))
    return {}


def measure_one(words: list[str]) -> Figures:
    match words:
        case ["gemm"]:
            return measure_gemm()
        case ["checkpoint", folder]:
            return write_checkpoint(Path(folder))
        case ["start-up", folder, spawned]:
            return measure_start_up(Path(folder), float(spawned))
        case [scheme, name, lengths, replicates, dropout]:
            return measure_scheme(scheme, name, Path(lengths), int(replicates), float(dropout))
    raise SystemExit(f"cannot measure {words}")


def measure_all(
    results: Path, names: list[str], turns: int, replicates: int, dropout: float
) -> Figures:
    """Measure every scheme and shape, in turns, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        lengths = Path(folder) / "lengths.npy"
        if "reuters" in names:
            write_reuters_lengths(results, lengths)

        def measure(scheme: str, name: str, count: int) -> Figures:
            return measure_in_process(
                __file__, scheme, name, str(lengths), str(count), str(dropout)
            )

        gemm = max(measure_in_process(__file__, "gemm")["flops"] for _ in range(turns))
        figures = {
            **describe_setting(turns, dropout),
            "gemm_flops": gemm,
            "start_up_seconds": measure_start_ups(Path(folder), turns),
            **compare(measure_in_turns(names, turns, measure), names, gemm),
        }
        if device_here() == "cuda" and replicates > 1:
            together = {name: measure("polymath", name, replicates) for name in names}
            figures["side_by_side"] = {
                "replicates": replicates,
                "examples_per_second": {name: each["rate"] for name, each in together.items()},
                "fraction_of_peak": {name: each["flops"] / gemm for name, each in together.items()},
            }
    return figures


def describe_setting(turns: int, dropout: float) -> Figures:
    """Return what the figures depend on: the device, the processor and the settings."""
    import torch

    from polymath.util.machine import describe_machine

    on_gpu, machine = device_here() == "cuda", describe_machine()
    return {
        "device": torch.cuda.get_device_name() if on_gpu else f"CPU, {os.cpu_count()} cores",
        "model": "bert-base" if on_gpu else "minilm-l6",
        "precision": precision_here(),
        "torch": torch.__version__,
        "processor": machine["processor"],
        "instructions": machine["instructions"],
        "turns": turns,
        "dropout": dropout,
    }


def measure_start_ups(folder: Path, turns: int) -> float:
    """Return the shortest of several start-ups, in seconds."""
    measure_in_process(__file__, "checkpoint", str(folder))
    return min(
        measure_in_process(__file__, "start-up", str(folder), str(time.time()))["seconds"]
        for _ in range(turns)
    )


def measure_in_turns(
    names: list[str], turns: int, measure: Callable[[str, str, int], Figures]
) -> dict[tuple[str, str], Figures]:
    """Return the fastest of each scheme's turns at each shape."""
    best: dict[tuple[str, str], Figures] = {}
    for turn in range(turns):
        for name, scheme in product(names, SCHEMES):
            print(f"turn {turn + 1} of {turns}: {name}, {scheme}", file=sys.stderr)
            now = measure(scheme, name, 1)
            before = best.get((scheme, name), now)
            best[scheme, name] = max(before, now, key=lambda figures: figures["rate"])
    return best


def compare(best: dict[tuple[str, str], Figures], names: list[str], gemm: float) -> Figures:
    """Return the ratios, the share of the peak, and each scheme's rates and memory."""
    rates, memory = (
        {scheme: {name: best[scheme, name][key] for name in names} for scheme in SCHEMES}
        for key in ("rate", "memory")
    )
    ratios = {
        f"ratio_vs_{rival}": {name: rates["polymath"][name] / rates[rival][name] for name in names}
        for rival in ("trainer", "authors")
    }
    return {
        **ratios,
        "fraction_of_peak": {name: best["polymath", name]["flops"] / gemm for name in names},
        "examples_per_second": rates,
        "peak_memory_bytes": memory,
    }


def describe_processor(figures: Figures) -> str:
    """Return a processor's name, and the best of its instruction sets for products."""
    if "processor" not in figures:
        return "processor not recorded"
    sets = figures["instructions"].split()
    best = next((name for name in PRODUCT_INSTRUCTIONS if name in sets), None)
    return f"{figures['processor']}, {best}" if best else figures["processor"]


def print_table(figures: Figures) -> None:
    """Print the figures as a Markdown table."""
    print(f"{figures['device']} ({describe_processor(figures)}); {figures['model']}; "
          f"{figures['precision']}; dropout {figures['dropout']:g}; best matrix product "
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
    parser.add_argument(
        "--dropout", type=float, default=0.1, help="all of the model's rates; 0.1 is BERT's own"
    )
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
        arguments.results.resolve(), arguments.shapes, arguments.turns, arguments.replicates,
        arguments.dropout,
    )  # fmt: skip
    print_table(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
