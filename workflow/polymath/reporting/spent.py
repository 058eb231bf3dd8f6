"""How long the training of a task's conditions took."""

from collections import defaultdict
from collections.abc import Iterable

from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_table


def minutes_of_training(conditions: Iterable[Condition], results: ResultPaths) -> dict[str, float]:
    """Return the minutes that the reported replicates of each task were trained for.

    Baselines, replicates that choose a learning rate, and conditions whose curves are gone do not
    count.
    """
    minutes: dict[str, float] = defaultdict(float)
    for condition in conditions:
        path = results.curves(condition)
        if not condition.is_baseline and path.is_file():
            seconds = read_table(path).groupby("replicate")["seconds"].max()
            minutes[condition.task] += float(seconds.sum()) / 60
    return dict(minutes)
