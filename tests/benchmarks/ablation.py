"""What each piece of acceleration is worth on the CPU: training steps with and without it.

    python tests/benchmarks/ablation.py [--shapes 16x62 32x128 reuters] [--rounds 5]
        [--dropout 0.1] [--results FOLDER] [--json FILE] [--show FILE]

One thread trains a randomly initialised model of MiniLM-L6's size. Each round makes one step of
the same batch with everything on, and one with each piece switched off alone; the gain of a piece
is the median over the rounds of its step's processor time over that of the full step, less one.
Processor time and alternation keep other programs on the machine out of the figures. What a
process cannot switch back (how it keeps memory) is compared between alternating processes. The last
line bounds what any further piece can gain: the share of a full step that its matrix products take
when they are computed alone.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from command import measure_in_process
from schemes import ROOT, SHAPES, Shape, make_run, make_shape, precision_here, write_reuters_lengths

from polymath.util.machine import describe_machine
from training import describe_processor

WARM_UP = 2
TURNS = 2  # processes with kept memory, and as many without
ACCELERATION = "polymath.training.acceleration"
# What replaces each piece when it is switched off.
OFF: dict[str, dict[str, Callable[..., Any]]] = {
    "everything on": {},
    "fast dropout": {"cuda_graphs.fast_dropout": lambda seed: ExitStack()},
    "first position": {"prepare.compute_first_position_only": lambda model: None},
    "shared casts": {"cpu_kernels.SharedCast.__call__": lambda self, tensor: tensor.bfloat16()},
    "bf16 linear layers": {
        "prepare.tune_model": lambda model, precision: model.set_attn_implementation("eager")
    },
    "eager attention": {"prepare.tune_model": lambda model, precision: _tune_without(model)},
}
MEMORY = "kept memory"
PRODUCTS = "matrix products alone, share of the step"
PRODUCT_OPERATIONS = ("aten.mm.default", "aten.addmm.default", "aten.bmm.default")


def _tune_without(model: Any) -> None:
    """Tune the linear layers, and leave attention to torch's fused kernel."""
    from polymath.training.acceleration.cpu_kernels import tune_model

    with patch.object(type(model), "set_attn_implementation"):
        tune_model(model, precision_here())


@contextmanager
def switched_off(piece: str) -> Iterator[None]:
    """Train without a piece in the block."""
    with ExitStack() as patches:
        for name, substitute in OFF[piece].items():
            patches.enter_context(patch(f"{ACCELERATION}.{name}", substitute))
        yield


def step_seconds(run: Any) -> float:
    """Make one step; return its processor time."""
    started = time.process_time()
    run.advance()
    return time.process_time() - started


def measure_pieces(shape: Shape, rounds: int) -> dict[str, float]:
    """Return the gain of each piece that can be switched off within a process."""
    seconds: dict[str, list[float]] = {piece: [] for piece in OFF}
    runs = {}
    for piece in OFF:
        with switched_off(piece):
            runs[piece] = make_run(shape, "cpu")
    for _ in range(WARM_UP + rounds):
        for piece, run in runs.items():
            with switched_off(piece):
                seconds[piece].append(step_seconds(run))
    full = seconds["everything on"][WARM_UP:]
    print(f"a full step: {statistics.median(full):.3f} s", file=sys.stderr)
    return {
        piece: statistics.median(a / b for a, b in zip(values[WARM_UP:], full, strict=True)) - 1
        for piece, values in seconds.items()
    }


def record_products(run: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """Make one step; return its matrix products, each an operation with its arguments."""
    from torch.utils._python_dispatch import TorchDispatchMode

    products = []

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if str(operation) in PRODUCT_OPERATIONS:
                products.append((operation, tuple(tensor.detach() for tensor in args)))
            return operation(*args, **(kwargs or {}))

    with Recorder():
        run.advance()
    return products


def measure_products(shape: Shape, rounds: int) -> float:
    """Return the share of a step that its matrix products take, computed without the rest."""
    import torch

    run = make_run(shape, "cpu")
    products = record_products(run)
    shares = []
    for _ in range(WARM_UP + rounds - 1):
        whole, started = step_seconds(run), time.process_time()
        with torch.no_grad():
            for operation, arguments in products:
                operation(*arguments)
        shares.append((time.process_time() - started) / whole)
    return statistics.median(shares[WARM_UP - 1 :])


def measure_memory(name: str, lengths: Path, rounds: int, dropout: float) -> float:
    """Return the gain of keeping freed memory, by processes that alternate."""
    seconds: dict[str, list[float]] = {"on": [], "off": []}
    words = [name, str(lengths), str(rounds), str(dropout)]
    for _ in range(TURNS):
        for state, values in seconds.items():
            values += measure_in_process(__file__, state, *words)
    return statistics.median(seconds["off"]) / statistics.median(seconds["on"]) - 1


def shape_of(name: str, lengths: Path, rounds: int, dropout: float) -> Shape:
    """Return a benchmark's shape with as many rows as the rounds take."""
    shape = make_shape(name, lengths, dropout)
    rows = shape.batch * (WARM_UP + rounds)
    return replace(shape, lengths=np.resize(shape.lengths, rows))


def measure_process(words: list[str]) -> list[float]:
    """Return each step's processor time in this process."""
    from polymath.training.acceleration.cpu_kernels import keep_freed_memory

    state, name, lengths, rounds, dropout = words
    if state == "on":
        keep_freed_memory()
    run = make_run(shape_of(name, Path(lengths), int(rounds), float(dropout)), "cpu")
    return [step_seconds(run) for _ in range(WARM_UP + int(rounds))][WARM_UP:]


def measure_all(results: Path, names: list[str], rounds: int, dropout: float) -> dict[str, Any]:
    """Measure every piece at every shape; return the gains, and what they depend on."""
    import torch

    from polymath.training.acceleration.cpu_kernels import keep_freed_memory

    keep_freed_memory()
    gains: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lengths = Path(folder) / "lengths.npy"
        if "reuters" in names:
            write_reuters_lengths(results, lengths)
        for name in names:
            print(name, file=sys.stderr)
            shape = shape_of(name, lengths, rounds, dropout)
            gains[name] = measure_pieces(shape, rounds)
            gains[name][MEMORY] = measure_memory(name, lengths, rounds, dropout)
            gains[name][PRODUCTS] = measure_products(shape, rounds)
    machine = describe_machine()
    return {
        "processor": machine["processor"],
        "instructions": machine["instructions"],
        "precision": precision_here(),
        "torch": torch.__version__,
        "rounds": rounds,
        "dropout": dropout,
        "gains": gains,
    }


def print_table(figures: dict[str, Any]) -> None:
    """Print the figures as a Markdown table."""
    gains = figures["gains"]
    print("Processor time of a step without the piece, more than with it (minilm-l6, one thread of "
          f"{describe_processor(figures)}; {figures['precision']}, dropout {figures['dropout']:g}, "
          f"torch {figures['torch']}, {figures['rounds']} rounds):\n")  # fmt: skip
    print(f"| piece | {' | '.join(gains)} |\n|---|{'---|' * len(gains)}")
    for piece in next(iter(gains.values())):
        form = ".0%" if piece == PRODUCTS else "+.1%"
        print(f"| {piece} | {' | '.join(format(each[piece], form) for each in gains.values())} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--dropout", type=float, default=0.1, help="0.1 is BERT's own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--show", type=Path, help="print the figures of such a file instead")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.show:
        print_table(json.loads(arguments.show.read_text(encoding="utf-8")))
        return
    import torch

    torch.set_num_threads(1)
    if arguments.measure:
        print(json.dumps(measure_process(arguments.measure)))
        return
    figures = measure_all(
        arguments.results.resolve(), arguments.shapes, arguments.rounds, arguments.dropout
    )
    print_table(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
