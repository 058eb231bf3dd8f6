"""The files of check.sh: the inputs of two conditions before the check, its summary afterwards."""

import json
import os
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUT, INPUTS = Path(os.environ["OUT"]), Path(os.environ["INPUTS"])
TASKS = ("splice", "reuters")  # one of an alphabet, one of a text model's tokens


def gather(results: str) -> None:
    """Copy what the random weights' conditions of two default tasks need: no checkpoint."""
    from polymath.experiment.conditions import expand_conditions
    from polymath.experiment.config import load_experiment
    from polymath.experiment.config_files import read_config
    from polymath.experiment.lineage import tokenizer_of
    from polymath.experiment.paths import ResultPaths

    experiment = load_experiment(read_config(ROOT / "config.yaml"), ROOT / "resources")
    paths = ResultPaths.of(results)
    for condition in expand_conditions(experiment):
        if condition.task not in TASKS or condition.init != "scratch":
            continue
        place = (condition.task, condition.model, condition.mapping)
        model = paths.model_manifest(condition.model).parent
        folder = INPUTS / "-".join(place)
        (folder / "model").mkdir(parents=True, exist_ok=True)
        for source, target in (
            (paths.predictions(condition), "predictions.parquet"),
            (paths.vocabulary(*place), "vocabulary.parquet"),
            (paths.tokens(condition.task, tokenizer_of(experiment, *place)), "tokens.parquet"),
            (model / "config.json", "model/config.json"),
            (model / "tokenizer.json", "model/tokenizer.json"),
        ):
            shutil.copyfile(source, folder / target)
        describe_job(folder, condition.columns)


def describe_job(folder: Path, condition: dict[str, str]) -> None:
    """Write what a condition was trained with, as its predictions state it."""
    from polymath.data.fetch.manifest import Manifest
    from polymath.util.storage import read_metadata, write_json

    files = [folder / "model/config.json", folder / "model/tokenizer.json"]
    Manifest.of(folder / "model/manifest.json", {}, files).write()
    known = read_metadata(folder / "predictions.parquet")
    job = {"condition": condition, "recipe": known["recipe_values"], "metric": known["metric"],
           "seed": known["experiment_seed"], "crossed": known["crossed"],
           "labels": known["labels"]}  # fmt: skip
    write_json(job, folder / "job.json")


def summary() -> None:
    """Print the figures that matter, last."""
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (OUT / "results.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        parts[row["part"]].append(row)
    lines = ratios(parts["bench"])
    gemm = max((row["flops"] for row in parts["bench"] if row["scheme"] == "gemm"), default=0.0)
    flops = {row["shape"]: row["per_step"] for row in parts["flops"]}
    for row in (row for row in parts["scale"] if "turn_ms" in row):
        rate = row["steps_per_second"] * flops.get(row["shape"], 0)
        share = f", {rate / gemm:.0%} of the product's rate" if gemm else ""
        lines.append(f"{row['shape']} x{row['replicates']}: {row['steps_per_second']:.1f} steps/s"
                     f"{share}, host {row['host_ms']:.2f} of {row['turn_ms']:.2f} ms")  # fmt: skip
    for name in ("machine", "gpu", "smoke", "scale-begun", "profile", "condition", "status"):
        lines += [json.dumps(row) for row in parts[name]]
    text = "\n".join(lines)
    (OUT / "summary.txt").write_text(text + "\n", encoding="utf-8")
    print(text)


def ratios(figures: list[dict[str, Any]]) -> list[str]:
    """Return the rate of each shape against its rivals."""
    rates = {(row["scheme"], row["shape"]): row["rate"] for row in figures if "rate" in row}
    return [
        f"{shape}: {rates['polymath', shape]:.1f} examples/s, "
        f"{rates['polymath', shape] / rate:.2f} times {scheme}"
        for (scheme, shape), rate in rates.items()
        if scheme != "polymath" and ("polymath", shape) in rates
    ]


if __name__ == "__main__":
    if sys.argv[1] == "gather":
        gather(sys.argv[2])
    else:
        summary()
