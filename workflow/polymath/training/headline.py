"""A job's headline metric, as its task's classes decide it, checked before compute is spent."""

from polymath.evaluation.metrics import (
    choose_headline,
    choose_positive,
    require_defined,
    require_fit,
)
from polymath.tokenization.task_data import Task
from polymath.training.job import ScoredJob


def check_headline(job: ScoredJob, task: Task) -> str:
    """Return the metric that a job's dev and test sets are scored by.

    Raises:
        PolymathError: if it does not fit the task, or is undefined on dev or test.
    """
    name = job.condition.task
    metric = choose_headline(job.metric, task.class_sizes())
    require_fit(name, metric, task.outputs)
    for split in ("dev", "test"):
        rows = task.rows[task.rows["split"] == split]
        require_defined(name, metric, split, task.targets(rows))
    return metric


def positive_number(job: ScoredJob, task: Task) -> int:
    """Return the number of the class that F1 and average precision are of, if there are two."""
    return choose_positive(not job.rarer_positive, task.class_sizes())
