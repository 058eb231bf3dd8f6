"""How long the training of a task's conditions took, and the pre-training before it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from polymath.data.fetch.starting_model import starting_manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_table


def seconds_of_training(
    conditions: Iterable[Condition], results: ResultPaths
) -> dict[Condition, pd.Series]:
    """Return the seconds that each reported replicate of a condition was trained for.

    Baselines, replicates that choose a learning rate, and conditions whose curves are gone do not
    count.
    """
    return {
        condition: read_table(path).groupby("replicate")["seconds"].max()
        for condition in conditions
        if not condition.is_baseline and (path := results.curves(condition)).is_file()
    }


def minutes_of_training(seconds: Mapping[Condition, pd.Series]) -> dict[str, float]:
    """Return the minutes that the reported replicates of each task were trained for.

    Args:
        seconds: as `seconds_of_training` returns them.
    """
    minutes: dict[str, float] = defaultdict(float)
    for condition, of_replicate in seconds.items():
        minutes[condition.task] += float(of_replicate.sum()) / 60
    return dict(minutes)


def describe_pretraining(
    seconds: Mapping[Condition, pd.Series], results: ResultPaths
) -> Iterator[str]:
    """Yield a line per task, recipe and fraction of a model that was pre-trained here: its time
    beside that of one run.

    Args:
        seconds: as `seconds_of_training` returns them.
    """
    runs: dict[tuple[str, str, str, str, Path], list[float]] = defaultdict(list)
    for condition, of_replicate in seconds.items():
        manifest = starting_manifest(results, condition)
        names = (condition.task, condition.model, condition.fraction, condition.recipe)
        runs[*names, manifest].append(float(of_replicate.mean()))
    for (task, model, fraction, recipe, manifest), seconds_of in runs.items():
        curve = results.pretraining_curve(manifest.parent.name)
        if curve.is_file():
            spent = float(read_table(curve)["seconds"].max())
            run = sum(seconds_of) / len(seconds_of)
            share = "" if fraction == "1" else f", fraction {fraction}"
            yield (
                f"Pre-training: {task}, {model}, recipe {recipe}{share}: {spent:.0f} s, and a run "
                f"of fine-tuning {run:.0f} s; from scratch, equal total compute is about "
                f"{1 + spent / run:.1f} times the steps."
            )
