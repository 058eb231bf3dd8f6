"""Keep a run's tables and figures in the repository, where `make docs` reads them."""

import csv
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.experiment.paths import ResultPaths, levels_in
from polymath.reporting.provenance import commit_of, contents_of, provenance_of
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, read_metadata, write_json

FIGURES = ("matrix", "heatmap", "curves")
MADE_WITH = "run.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAMED_TASKS = 3  # of an experiment, in the name of its folder


def choose_folder(results: ResultPaths, kept: Path, name: str | None) -> Path:
    """Return the folder to keep results in: a new one, or the one that this experiment has.

    Args:
        kept: the folder of all kept results.
        name: of the folder; by default that of the experiment, else a new one after its tasks.

    Raises:
        PolymathError: if the name is no folder's, or another experiment's.
    """
    if name is not None and not NAME.fullmatch(name):
        raise PolymathError(f"--name {name}: a folder's name of letters, digits, '.', '-' and '_'")
    conditions = _conditions(results.matrix("csv"))
    made = _made_with(results)
    if name is not None:
        folder = kept / name
        if folder.exists() and not _is_same(folder, conditions, made):
            raise PolymathError(
                f"{folder} keeps another experiment: choose another --name, or leave it out"
            )
        return folder
    for folder in sorted(kept.glob("*/")):
        if _is_same(folder, conditions, made):
            return folder
    return next(folder for folder in _new_folders(kept, conditions) if not folder.exists())


def _new_folders(kept: Path, conditions: set[tuple[str, ...]]) -> Iterator[Path]:
    tasks = sorted({condition[0] for condition in conditions})
    more = [f"and-{len(tasks) - NAMED_TASKS}-more"] if len(tasks) > NAMED_TASKS else []
    name = "-".join([*tasks[:NAMED_TASKS], *more])
    yield kept / name
    yield from (kept / f"{name}-{number}" for number in count(2))


def _is_same(folder: Path, conditions: set[tuple[str, ...]], made: Mapping[str, Any]) -> bool:
    """Return whether a folder keeps the same conditions, with the same seed, recipes and files."""
    matrix, run = ResultPaths(folder).matrix("csv"), folder / MADE_WITH
    if not (matrix.is_file() and run.is_file()):
        return False
    stored = read_json(run)
    return (
        _conditions(matrix) == conditions
        and stored.get("experiment_seed") == made.get("experiment_seed")
        and _agree(stored.get("recipes", {}), made.get("recipes", {}))
        # An older version kept no digests.
        and all(_agree(stored[name], made[name]) for name in ("data", "models") if name in stored)
    )


def _made_with(results: ResultPaths) -> dict[str, Any]:
    runs = [*map(read_metadata, results.all_predictions())]
    return provenance_of(runs) | contents_of(runs)


def _agree(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether entries of the same names have equal values under the keys that both have."""
    return first.keys() == second.keys() and all(
        first[name][key] == second[name][key]
        for name in first
        for key in first[name].keys() & second[name].keys()
        if first[name][key] is not None  # an older version's word for the default
    )


def _conditions(matrix: Path) -> set[tuple[str, ...]]:
    if not matrix.is_file():
        raise PolymathError(f"{matrix} is missing: run the experiment to its end first")
    with matrix.open(encoding="utf-8", newline="") as handle:
        return {tuple(row[name] for name in CONDITION_COLUMNS) for row in csv.DictReader(handle)}


def publish(results: ResultPaths, folder: Path, with_report: bool = False) -> None:
    """Copy the matrix, the claims and their figures to `folder`.

    run.json records what they were made with: machines, versions, precisions, recipes, and the
    commit that they were published from.

    Args:
        with_report: copy report.html as well, which holds all figures and tables in one file; as
            always where the folder has one, which would be of earlier results.

    Raises:
        PolymathError: if a file of the results is missing.
    """
    files = [results.matrix("md"), results.matrix("csv"), results.claims("md")]
    files += [results.figure(name, "png") for name in FIGURES]
    with_report = with_report or (folder / results.report.name).exists()
    files += [results.report] if with_report else []
    for path in files:
        if not path.is_file():
            raise PolymathError(f"{path} is missing: run the experiment to its end first")
    folder.mkdir(parents=True, exist_ok=True)
    optional = [
        *(results.figure(name, "png") for name in ("forest", "probes")),
        results.figure("curves", "csv"),
        results.collected("similarity"),
        results.claims(),
        results.evidence("families"),
        results.evidence("summary"),
    ]
    for path in [*files, *optional]:
        if path.exists():
            shutil.copyfile(path, folder / path.name)
        else:
            (folder / path.name).unlink(missing_ok=True)  # of earlier results
    for path in results.all_representation_figures():
        shutil.copyfile(path, folder / ".".join([*levels_in(path).values(), path.name]))
    made = _made_with(results)
    made |= {
        "commit": commit_of(Path(__file__).parent),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_json(made, folder / MADE_WITH)
