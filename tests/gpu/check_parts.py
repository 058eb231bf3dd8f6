"""The parts of check.sh that compute; on a CPU everything is smaller.

    python tests/gpu/check_parts.py NAME ARGUMENT... [, NAME ARGUMENT...]...

Several parts, between commas, are done in one process.
"""

import copy
import gc
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from polymath.util.heavy_imports import heavy_imports

with heavy_imports():
    import numpy as np
    import pandas as pd
    import schemes
    import torch

    import training
    from polymath.experiment.conditions import Condition
    from polymath.experiment.recipes import Recipe
    from polymath.training.acceleration.cuda_graphs import ReplicateStream
    from polymath.training.devices import configure_torch
    from polymath.training.finetune import finetune
    from polymath.training.job import Execution, Job, Outputs
    from polymath.training.loop import Run
    from support.streams import UncapturedStream

OUT, INPUTS = Path(os.environ["OUT"]), Path(os.environ["INPUTS"])
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
PACKAGES = ("torch", "transformers", "peft", "pydantic", "pandas", "numpy", "pytest")


def record(part: str, **values: Any) -> None:
    """Write figures at once: a later part may be killed."""
    line = json.dumps({"part": part, **values})
    print(line, flush=True)
    with (OUT / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def attempt(part: str, function: Callable[..., None], *arguments: Any) -> None:
    """Do one thing of several; an error is a figure, and the next is done all the same."""
    try:
        function(*arguments)
    except Exception as error:
        record(part, what=function.__name__, error=f"{type(error).__name__}: {str(error)[:400]}")
        traceback.print_exc()
    gc.collect()


def wait() -> None:
    if ON_GPU:
        torch.cuda.synchronize()


def machine() -> None:
    """Record versions and the device; enter a stream before anything else uses CUDA."""
    with ReplicateStream(DEVICE).activate():
        pass
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    record("machine", python=platform.python_version(), cores=os.cpu_count(), **versions)
    if ON_GPU:
        free, total = torch.cuda.mem_get_info()
        record("gpu", name=torch.cuda.get_device_name(), cuda=torch.version.cuda, free=free,
               total=total, cudnn=torch.backends.cudnn.version())  # fmt: skip


def make_runs(
    name: str, count: int, steps: int, dropout: float = 0.1, afresh: bool = False
) -> list[Run]:
    """Return runs of a random model of the benchmark's size, each on a stream of its own."""
    configure_torch((os.cpu_count() or 1) if ON_GPU else 1)
    rows, length = (int(part) for part in name.split("x"))
    shape = schemes.Shape(rows, np.full(rows * steps, length), length, dropout)
    base = schemes.new_model(DEVICE, dropout)
    kind = UncapturedStream if afresh else ReplicateStream
    return [
        schemes.make_run(shape, DEVICE, number, kind(DEVICE), copy.deepcopy(base))
        for number in range(count)
    ]


def smoke(name: str) -> None:
    """Compare replayed steps with steps computed afresh, and time each kind."""
    for dropout in (0.0, 0.1):
        attempt("smoke", compare_replays, name, dropout)


def compare_replays(name: str, dropout: float) -> None:
    count = 14
    (replayed,), (afresh,) = (
        make_runs(name, 1, count, dropout, afresh=kind) for kind in (False, True)
    )
    fast, slow = timed_steps(replayed, count), timed_steps(afresh, count)
    found, expected = replayed.losses.tolist(), afresh.losses.tolist()
    worst = max(abs(a - b) / max(abs(b), 1e-9) for a, b in zip(found, expected, strict=True))
    times = {"first_ms": fast[0], "capture_ms": fast[1]}
    times |= {"replay_ms": float(np.median(fast[2:])), "afresh_ms": float(np.median(slow[2:]))}
    record("smoke", shape=name, dropout=dropout, graphs=len(replayed._compute.graphs),
           same_bits=found == expected, worst_relative_difference=worst, **times)  # fmt: skip


def timed_steps(run: Run, count: int) -> list[float]:
    """Return the milliseconds of each step, waiting after each."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        run.advance()
        wait()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def bench(scheme: str, shape: str = "") -> None:
    """One figure of tests/benchmarks/training.py."""
    words = [scheme] if scheme == "gemm" else [scheme, shape, os.devnull, "1", "0.1"]
    record("bench", scheme=scheme, shape=shape, **training.measure_one(words))


def scale(*names: str) -> None:
    """How the rate grows with replicates side by side, and what the host does meanwhile."""
    for name in names:
        attempt("scale", scale_one, name)


def scale_one(name: str) -> None:
    several, turns, warm = ((1, 2, 4, 10), 60, 6) if ON_GPU else ((1, 2), 2, 1)
    begun = time.perf_counter()
    runs = make_runs(name, several[-1], warm + len(several) * (turns + 6) + 4)
    record("scale-begun", shape=name, replicates=len(runs), building_s=time.perf_counter() - begun)
    advance(runs, warm)
    for count in several:
        group = runs[:count]
        advance(group, 2)
        begun = time.perf_counter()
        advance(group, 3, waiting=False)
        queued = (time.perf_counter() - begun) / 3
        wait()
        begun = time.perf_counter()
        advance(group, turns)
        turn = (time.perf_counter() - begun) / turns
        memory = torch.cuda.max_memory_reserved() if ON_GPU else 0
        record("scale", shape=name, replicates=count, turn_ms=1000 * turn, host_ms=1000 * queued,
               steps_per_second=count / turn, reserved_bytes=memory)  # fmt: skip
    record("flops", shape=name, per_step=schemes.count_flops(runs[0])[0])


def advance(runs: list[Run], turns: int, waiting: bool = True) -> None:
    for _ in range(turns):
        for run in runs:
            run.advance()
    if waiting:
        wait()


def profile(name: str, *several: str) -> None:
    """What runs on the device in a few turns."""
    for replicates in several if ON_GPU else several[:1]:
        attempt("profile", profile_one, name, int(replicates))


def profile_one(name: str, count: int) -> None:
    from torch.profiler import ProfilerActivity

    turns, runs = 3, make_runs(name, count, 20)
    advance(runs, 6 if ON_GPU else 2)
    kind = ProfilerActivity.CUDA if ON_GPU else ProfilerActivity.CPU
    begun = time.perf_counter()
    with torch.profiler.profile(activities=[kind]) as seen:
        advance(runs, turns)
    wall = time.perf_counter() - begun
    seen.export_chrome_trace(str(OUT / f"trace-{count}.json.gz"))
    spent_in = "self_device_time_total" if ON_GPU else "self_cpu_time_total"
    rows: list[Any] = [(getattr(e, spent_in), e.count, e.key) for e in seen.key_averages()]
    rows.sort(reverse=True)
    steps = turns * count
    busy, kernels = (sum(row[place] for row in rows) / steps for place in (0, 1))
    record("profile", shape=name, replicates=count, wall_us=1e6 * wall / steps, kernels=kernels,
           busy_us=busy)  # fmt: skip
    lines = [f"{spent / steps:9.1f} us {calls / steps:7.1f} calls  {key[:100]}"
             for spent, calls, key in rows[:30]]  # fmt: skip
    (OUT / f"profile-{count}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def conditions() -> None:
    """Train the conditions that were brought, and compare with what a CPU predicted."""
    for path in sorted(INPUTS.glob("*/job.json")):
        attempt("condition", one_condition, path.parent)


def one_condition(folder: Path) -> None:
    stored = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    recipe, replicates = stored["recipe"], 3
    if not ON_GPU:
        recipe, replicates = {**recipe, "steps": 4, "epochs": None, "evaluations": 2}, 1
    job = Job(Condition(**stored["condition"]), stored["metric"], stored["seed"], replicates,
              stored["crossed"], folder / "tokens.parquet", recipe=Recipe(**recipe),
              vocabulary=folder / "vocabulary.parquet",
              model=folder / "model/manifest.json")  # fmt: skip
    out = OUT / "conditions" / folder.name
    shutil.rmtree(out, ignore_errors=True)  # nothing is trained twice that is finished
    begun = time.perf_counter()
    outputs = Outputs(out / "predictions.parquet", out / "curves.parquet")
    finetune(job, Execution(min(8, os.cpu_count() or 1) if ON_GPU else 1, 600.0), outputs, print)
    seconds = time.perf_counter() - begun
    here, there = (test_answers(place / "predictions.parquet") for place in (out, folder))
    both = here.join(there.add_suffix("_cpu"), how="inner")
    names = stored["labels"]
    right = [
        (both[key] == both["label"].map(names.index)).mean() for key in ("answer", "answer_cpu")
    ]
    record("condition", name=folder.name, seconds=seconds, replicates=replicates,
           accuracy=right[0], accuracy_cpu=right[1],
           same_answers=(both["answer"] == both["answer_cpu"]).mean())  # fmt: skip


def test_answers(path: Path) -> pd.DataFrame:
    """Return the predicted class of each test row, by replicate and row."""
    table = pd.read_parquet(path)
    table = table[table["split"] == "test"].set_index(["replicate", "id"])
    return table.assign(answer=np.stack(list(table["logits"])).argmax(1))[["label", "answer"]]


def shrink() -> None:
    """Make the model and the number of steps such that a CPU rehearses in seconds."""
    schemes.MODEL["cpu"] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                            "intermediate_size": 64}  # fmt: skip
    schemes.STEPS["cpu"] = 4


PARTS: dict[str, Callable[..., None]] = {
    "machine": machine, "smoke": smoke, "bench": bench, "scale": scale, "profile": profile,
    "conditions": conditions,
}  # fmt: skip

if __name__ == "__main__":
    if not ON_GPU:
        shrink()
    for is_comma, words in groupby(sys.argv[1:], lambda word: word == ","):
        if not is_comma:
            name, *arguments = words
            PARTS[name](*arguments)
