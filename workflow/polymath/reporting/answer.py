"""The results in sentences: all tasks together, each task, and what would settle the rest."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from polymath.evaluation.claims import CLAIMS
from polymath.evaluation.mean_test import POWER
from polymath.evaluation.statistics import p_in_words
from polymath.experiment.conditions import NONE
from polymath.experiment.contrasts import PRETRAINED, SCRATCH
from polymath.reporting.matrix import BASELINE_NAMES, count_items
from polymath.reporting.power import REPLICATES, power_of
from polymath.reporting.tables import format_estimate, format_number, varying_columns

UNDECIDED = "undecided"
# So many replicates that seeds no longer matter: what is left is the test items' share.
ENDLESS = 10**9
# What tells the families of one claim and model apart.
SETTINGS = ("mapping", "fraction", "recipe", "reference")
NAMES_OF_SETTINGS = {"reference": "compared with"}
# The sentence on all tasks together, by claim and verdict.
TOGETHER = {
    ("better", "supported"): "Yes: {where} the text model{model} ends better than random weights",
    ("better", "contradicted"): "No: {where} random weights end better than the text model{model}",
    ("better", UNDECIDED): "Inconclusive: {where} no difference between the text model{model} and "
    "random weights is shown",
    ("faster", "supported"): "{Where} the text model{model} is the faster one to reach its own end",
    ("faster", "contradicted"): "{Where} random weights are faster to reach their own end than the "
    "text model{model}",
    ("faster", UNDECIDED): "Which of the text model{model} and random weights is faster to reach "
    "its own end is undecided {where}",
}
# The words on one task, by verdict.
ALONE = {
    "supported": "the text model ends better",
    "contradicted": "random weights end better",
    UNDECIDED: "undecided",
}


@dataclass(frozen=True)
class TaskAnswer:
    """One task's sentence: its verdict on final scores, and the numbers behind it."""

    task: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class AnswerInWords:
    """The results of an experiment in sentences."""

    together: list[str]
    """On final scores and then on speed, one sentence per family of tasks."""
    tasks: list[TaskAnswer]
    settle: list[str]
    """What would decide the undecided tasks."""


def answer_in_words(
    families: pd.DataFrame, claims: pd.DataFrame, matrix: pd.DataFrame
) -> AnswerInWords:
    """Return the sentences of an experiment's verdicts, families of tasks, and matrix."""
    better = claims[(claims["claim"] == "better") & claims["n"].notna()]
    return AnswerInWords(
        [*_answer_together(families)],
        [_answer_task(row, better, matrix) for row in better.to_dict("records")],
        [*_what_would_settle(better)],
    )


def describe_families(families: pd.DataFrame) -> list[str]:
    """Return the verdicts on a claim's families of tasks, one sentence each."""
    names = varying_columns(families, SETTINGS)
    return [_describe_family(row, _settings(row, names)) for row in families.to_dict("records")]


def _describe_family(row: Mapping[str, Any], settings: str) -> str:
    if not row["tasks"]:
        return f"Not judged{settings}: {row['left_out']}."
    where = "These tasks together" if row["tasks"] > 1 else "This task"
    number = format_estimate(row["iqm"], row["iqm_low"], row["iqm_high"], "+.3f")
    verdict = verdict_in_words(row["verdict"], row["qualifier"])
    return (
        f"{where} ({row['members']}), {row['model']}{settings}: {verdict}, {number}, "
        f"{p_in_words(row['p'])}, "
        f"{row['pairs']} pair{'s' * (row['pairs'] > 1)} of replicates."
    )


def print_answer(answer: AnswerInWords) -> Iterator[str]:
    """Yield the answer's lines for a terminal."""
    yield from answer.together
    for task in answer.tasks:
        yield f"  {task.task}: {task.sentence}"
    yield from answer.settle


def verdict_in_words(verdict: str, qualifier: str) -> str:
    """Return a verdict with what it must be read with: “supported at one learning rate”."""
    return f"{verdict} {qualifier}".rstrip() if verdict != UNDECIDED else UNDECIDED


def _answer_together(families: pd.DataFrame) -> Iterator[str]:
    if "better" not in set(families["claim"]):
        yield (
            "Not tested in this experiment: no text model is compared with the same model from "
            "random weights."
        )
    for claim in ("better", "faster"):
        rows = families[families["claim"] == claim]
        names = varying_columns(rows, SETTINGS)
        for row in rows.to_dict("records"):
            yield _together(row, len(rows) > 1, _settings(row, names))


def _settings(row: Mapping[str, Any], names: list[str]) -> str:
    """Return the settings that tell a family from the claim's others."""
    listed = ", ".join(f"{NAMES_OF_SETTINGS.get(name, name)} {row[name]}" for name in names)
    return f" ({listed})" if listed else ""


def _together(row: Mapping[str, Any], several: bool, settings: str) -> str:
    model = f" {row['model']}" if several else ""
    if not row["tasks"]:
        statement = CLAIMS[row["claim"]].statement.rstrip(".")
        return (
            f"“{statement}” cannot be judged{' for' + model if model else ''}{settings}: "
            f"{row['left_out']}."
        )
    tasks = f"these {row['tasks']} tasks together" if row["tasks"] > 1 else row["members"]
    where = f"on {tasks}{settings}"
    text = TOGETHER[row["claim"], row["verdict"]].format(
        model=model, where=where, Where=f"O{where[1:]}"
    )
    if row["verdict"] != UNDECIDED and row["qualifier"]:
        text += f", {row['qualifier']}"
    number = format_estimate(row["iqm"], row["iqm_low"], row["iqm_high"], "+.3f")
    number = (
        f"difference {number} of the way from chance to a perfect score"
        if row["claim"] == "better"
        else f"lead of the text model {number} of the training budget"
    )
    return f"{text} ({number}, {p_in_words(row['p'])})."


def _answer_task(row: Mapping[str, Any], better: pd.DataFrame, matrix: pd.DataFrame) -> TaskAnswer:
    text = ALONE[row["verdict"]]
    text = text if row["verdict"] == UNDECIDED else f"{text} {row['qualifier']}".rstrip()
    number = format_estimate(row["value"], row["low"], row["high"], "+.3f")
    mean = _mean_of(PRETRAINED, matrix, row)
    random = _mean_of(SCRATCH, matrix, row)
    if pd.isna(random):  # they are of the model's base, or all diverged
        random = mean - row["value"]
    arms = (
        f"text model {format_number(mean)}, random weights {format_number(random)}, "
        f"difference {number}"
    )
    return TaskAnswer(
        _name(row, better), row["verdict"], f"{text}: {arms}{_baseline(matrix, row)}."
    )


def _name(row: Mapping[str, Any], better: pd.DataFrame) -> str:
    """Return a row's task with those settings that tell it from the task's other rows."""
    same = better[better["task"] == row["task"]]
    settings = ("model", "mapping", "fraction", "recipe")
    return " · ".join([row["task"], *(row[name] for name in settings if same[name].nunique() > 1)])


def _mean_of(init: str, matrix: pd.DataFrame, row: Mapping[str, Any]) -> float:
    """Return the mean score of an arm; NaN if the matrix has none."""
    settings = {name: row[name] for name in ("task", "model", "mapping", "fraction", "recipe")}
    arm = pd.Series({**settings, "init": init})
    means = matrix.loc[(matrix[arm.index] == arm).all(axis=1), "mean"]
    return float(means.iloc[0]) if len(means) else math.nan


def _baseline(matrix: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """Return the best baseline that was trained on as much data."""
    same = (matrix["task"] == row["task"]) & (matrix["fraction"] == row["fraction"])
    rows = matrix[same & (matrix["init"] == NONE)]
    if rows.empty or rows["mean"].isna().all():
        return ""
    best = rows.loc[rows["mean"].idxmax()]
    return f"; {BASELINE_NAMES[best['model']]} {format_number(best['mean'])}"


def _what_would_settle(better: pd.DataFrame) -> Iterator[str]:
    """Yield what would decide the tasks that are undecided for want of evidence."""
    undecided = better[(better["verdict"] == UNDECIDED) & better["p"].notna()]
    wanted: dict[str, int] = {}
    beyond, items = [], []
    for row in undecided.to_dict("records"):
        name = _name(row, better)
        enough = [n for n in REPLICATES if n > row["n"] and power_of(row, n) >= POWER]
        if enough:
            wanted[name] = enough[0]
        elif power_of(row, ENDLESS) >= POWER:
            beyond.append(name)
        else:
            items.append(f"{name} ({count_items(row)})")
    if wanted:
        most = max(wanted.values())
        yield (
            f"To settle {_listed(wanted)}: add `--config replicates={most}` to the command that "
            f"ran this. If the difference and its scatter are those seen so far, {POWER:.0%} of "
            "such experiments decide; a repeated look makes a wrong verdict a little more likely."
        )
    if beyond:
        yield (
            f"{_listed(beyond)}: the difference is so small beside its scatter that more than "
            f"{REPLICATES[-1]} replicates are needed."
        )
    if items:
        yield (
            f"More replicates alone do not settle {_listed(items)}: with so many test items, the "
            "difference seen is within what another test set would change."
        )


def _listed(names: Any) -> str:
    return ", ".join(names)
