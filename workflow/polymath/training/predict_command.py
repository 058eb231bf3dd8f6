"""The command `predict`: options, which run they mean, and the file that is written."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from polymath.experiment.paths import KEPT_MODELS, PREDICTIONS, ResultPaths
from polymath.util.errors import PolymathError

if TYPE_CHECKING:
    import pandas as pd

    from polymath.experiment.conditions import Condition

SUFFIXES = (".csv", ".tsv", ".parquet")


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `predict` alone."""
    parser.add_argument(
        "--run",
        required=True,
        metavar="CONDITION",
        help="folder of a condition whose models are kept, under the results' runs/; or the name "
        "of a task, for the kept models of its best arm",
    )
    parser.add_argument(
        "--input", type=Path, required=True, help="file or folder, of the form of the task's own"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help=f"file to write: {', '.join(SUFFIXES)}"
    )


def run_prediction(arguments: argparse.Namespace, results: ResultPaths) -> None:
    """Predict a file's sequences and write them; progress goes to the terminal's error stream.

    Raises:
        PolymathError: naming what is missing or wrong.
    """
    output: Path = arguments.output
    if output.suffix not in SUFFIXES:
        raise PolymathError(f"--output {output}: the name must end in one of {', '.join(SUFFIXES)}")
    if not arguments.input.exists():
        raise PolymathError(f"--input {arguments.input}: there is no such file or folder")
    from polymath.data.fetch.local import list_path
    from polymath.experiment.sources import PathSource

    files = list_path(PathSource(kind="path", path=str(arguments.input)))
    if output.resolve() in [file.resolve() for file in files]:
        raise PolymathError(f"--output {output}: this is a file to predict: name another file")
    results, condition = find_run(arguments.run, results)
    from polymath.training.predict import TrainedRun, predict

    run = TrainedRun.of(results, condition, arguments.input)
    table = predict(run, files, len(os.sched_getaffinity(0)), _log)
    write_predictions(table, output)
    _log(f"{len(table)} predictions of {condition.title} in {output}")


def find_run(name: str, results: ResultPaths) -> tuple[ResultPaths, "Condition"]:
    """Return a condition that was trained, and the results that it is part of.

    Args:
        name: a task; or the folder of a condition, or of several of which one keeps its models.

    Raises:
        PolymathError: if there is none, or several keep their models.
    """
    from polymath.evaluation.tables import condition_of

    of_task = results.runs / (name if "=" in name else f"task={name}")
    # A task first: its data often lie in a folder of the same name.
    folder = next((path for path in (of_task, Path(name)) if path.is_dir()), of_task)
    runs = [path.parent for path in sorted(folder.rglob(PREDICTIONS))]
    if not runs:
        trained = sorted(path.name for path in results.runs.glob("task=*"))
        raise PolymathError(
            f"--run {name}: no finished condition in {folder}: name its folder; {results.runs} has "
            f"{', '.join(trained) or 'none'}"
        )
    if len(runs) > 1:
        runs = _with_models(name, runs)
    predictions = runs[0] / PREDICTIONS
    condition = condition_of(predictions)
    if condition.is_baseline:
        raise PolymathError(
            f"--run {name}: a baseline, of which no model is kept: name the task, or the condition "
            "of a model"
        )
    root = Path(str(runs[0].absolute()).removesuffix(condition.path)).parent
    return ResultPaths.of(os.path.relpath(root)), condition


def _with_models(name: str, runs: list[Path]) -> list[Path]:
    """Return the only run that keeps its models; refuse none and several."""
    kept = [run for run in runs if (run / KEPT_MODELS).is_dir()]
    if len(kept) == 1:
        return kept
    listed = "\n  ".join(map(str, kept or runs))
    problem = f"{len(kept)} conditions keep" if kept else "no condition keeps"
    remedy = "name one of them" if kept else "set 'keep_models: true' and run the experiment again"
    raise PolymathError(f"--run {name}: {problem} models: {remedy}:\n  {listed}")


def write_predictions(table: "pd.DataFrame", output: Path) -> None:
    """Write a table in the format of the file's suffix."""
    from polymath.util.storage import whole_file

    with whole_file(output) as temporary:
        match output.suffix:
            case ".parquet":
                table.to_parquet(temporary, index=False)
            case suffix:
                table.to_csv(temporary, index=False, sep="\t" if suffix == ".tsv" else ",")


def _log(message: str) -> None:
    print(message, file=sys.stderr)
