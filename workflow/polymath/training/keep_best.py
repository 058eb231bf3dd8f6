"""Keep the trained models of a task's best arm, and delete those of its others."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polymath.evaluation.scores import dev_means
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.paths import (
    REPLICATES_FOLDER,
    STORED_MODEL,
    ResultPaths,
    replicate_folder,
)
from polymath.util.storage import read_table, write_sealed_json


def keep_best(scores: Path, results: ResultPaths, best: Path, log: Callable[[str], None]) -> None:
    """Write which condition is best, and where its models are.

    The best has the highest mean headline score on dev: test items choose nothing. Where every
    replicate diverged there is none.
    """
    means = dev_means(read_table(scores))
    means = means[means.index.get_level_values("init") != NONE]
    conditions = [Condition(*names) for names in means.index]
    if not len(means) or means.isna().all():
        write_sealed_json({"condition": None}, best)
        return
    chosen = Condition(*means.idxmax())
    for condition in conditions:
        if condition != chosen:
            delete_models(results, condition)
    write_sealed_json(_describe(results.kept_models(chosen), chosen, float(means.max())), best)
    log(f"{chosen.title} is best on dev: its models stay in {results.kept_models(chosen)}")


def delete_models(results: ResultPaths, condition: Condition) -> None:
    """Delete a condition's trained models, in its folder and in its store."""
    shutil.rmtree(results.kept_models(condition), ignore_errors=True)
    for folder in (results.run(condition) / REPLICATES_FOLDER).glob(f"*{STORED_MODEL}"):
        shutil.rmtree(folder, ignore_errors=True)


def _describe(folder: Path, condition: Condition, score: float) -> dict[str, Any]:
    replicates = sorted(path.name for path in folder.glob(replicate_folder("*")))
    return {
        "condition": condition.columns,
        "dev_score": score,
        "folder": str(folder),
        "models": replicates,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }
