"""The results in sentences: all tasks together, and each task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from polymath.evaluation.claims import AS_IT_IS, JUDGED
from polymath.reporting.own_verdict import with_own_verdicts
from polymath.reporting.rerun import PLAIN, Rerun
from polymath.reporting.tables import format_named, varying_columns
from polymath.reporting.task_answer import TaskAnswer, answer_task

UNDECIDED = "undecided"
BETTER = ("better", AS_IT_IS)
"""The claims on final scores."""
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


@dataclass(frozen=True)
class AnswerInWords:
    """The results of an experiment in sentences."""

    together: list[str]
    """On final scores and then on speed, one sentence per family of tasks."""
    tasks: list[TaskAnswer]
    speed: list[str]
    """Of tasks that are alone in their family: what follows their own lines."""


def answer_in_words(
    families: pd.DataFrame,
    claims: pd.DataFrame,
    matrix: pd.DataFrame,
    minutes: Mapping[str, float] | None = None,
    rerun: Rerun = PLAIN,
    records: Mapping[str, int] | None = None,
) -> AnswerInWords:
    """Return the sentences of an experiment's verdicts, families of tasks, and matrix.

    Args:
        minutes: of training, by task.
        records: of all splits, by task.
        rerun: how the experiment was run.
    """
    better = claims[claims["claim"].isin(BETTER) & claims["n"].notna()]
    tasks = [*dict.fromkeys(better["task"])]
    # Text as it is comes before the same text with other tokens: it is what its owner asks of.
    rows = sorted(
        better.to_dict("records"),
        key=lambda row: (tasks.index(row["task"]), row["claim"] != AS_IT_IS),
    )
    families = with_own_verdicts(families, claims)
    faster = families[families["claim"] == "faster"]
    return AnswerInWords(
        [*_answer_scores(families, better), *_sentences(faster, faster["tasks"] > 1)],
        [answer_task(row, better, matrix, minutes or {}, records or {}, rerun) for row in rows],
        [*_sentences(faster, faster["tasks"] <= 1)],
    )


def describe_families(families: pd.DataFrame) -> list[str]:
    """Return the verdicts on a claim's families of tasks, one sentence each."""
    names = varying_columns(families, SETTINGS)
    return [_describe_family(row, _settings(row, names)) for row in families.to_dict("records")]


def _describe_family(row: Mapping[str, Any], settings: str) -> str:
    if not row["tasks"]:
        return f"Not judged{settings}: {row['left_out']}."
    where = "These tasks together" if row["tasks"] > 1 else "This task"
    number = format_named(row, "iqm")
    verdict = verdict_in_words(row["verdict"], row["qualifier"])
    return (
        f"{where} ({row['members']}), {row['model']}{settings}: {verdict}, {number}, "
        f"{row['reason']}, "
        f"{row['pairs']} pair{'s' * (row['pairs'] > 1)} of replicates."
    )


def print_answer(answer: AnswerInWords) -> Iterator[str]:
    """Yield the answer's lines for a terminal."""
    yield from answer.together
    for task in answer.tasks:
        yield f"  {task.task}: {task.sentence}"
        if task.settle:
            yield f"    {task.settle}"
    yield from answer.speed


def verdict_in_words(verdict: str, qualifier: str) -> str:
    """Return a verdict with what it must be read with: “supported at one learning rate”."""
    return f"{verdict} {qualifier}".rstrip() if verdict != UNDECIDED else UNDECIDED


def _answer_scores(families: pd.DataFrame, better: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence per family of a claim on scores; a task that is alone has its own line.

    Args:
        better: the claims' rows on final scores.
    """
    if not set(families["claim"]) & {*BETTER}:
        yield (
            "Not tested in this experiment: no text model is compared with the same model from "
            "random weights."
        )
    for claim in BETTER:
        rows = families[families["claim"] == claim]
        has_lines = (better["claim"] == claim).any()
        yield from _sentences(rows, (rows["tasks"] > 1) | (not has_lines))


def _sentences(families: pd.DataFrame, chosen: "pd.Series[bool]") -> Iterator[str]:
    """Yield a sentence per chosen family of a claim, with what tells it from all its families."""
    names = varying_columns(families, SETTINGS)
    for row in families[chosen].to_dict("records"):
        yield _together(row, len(families) > 1, _settings(row, names))


def _settings(row: Mapping[str, Any], names: list[str]) -> str:
    """Return the settings that tell a family from the claim's others."""
    listed = ", ".join(f"{NAMES_OF_SETTINGS.get(name, name)} {row[name]}" for name in names)
    return f" ({listed})" if listed else ""


def _together(row: Mapping[str, Any], several: bool, settings: str) -> str:
    model = f" {row['model']}" if several else ""
    if not row["tasks"]:
        statement = JUDGED[row["claim"]].statement.rstrip(".")
        return (
            f"“{statement}” cannot be judged{' for' + model if model else ''}{settings}: "
            f"{row['left_out']}."
        )
    tasks = f"these {row['tasks']} tasks together" if row["tasks"] > 1 else row["members"]
    unchanged = ", as text, " if row["claim"] == AS_IT_IS else ""
    where = f"on {tasks}{settings}{unchanged}".rstrip()
    text = TOGETHER["faster" if row["claim"] == "faster" else "better", row["verdict"]].format(
        model=model, where=where, Where=f"O{where[1:]}"
    )
    if row["verdict"] != UNDECIDED and row["qualifier"]:
        text += f", {row['qualifier']}"
    number = format_named(row, "iqm")
    number = (
        f"difference {number} of the way from chance to a perfect score"
        if row["claim"] in BETTER
        else f"lead of the text model {number} of the training budget"
    )
    return f"{text} ({number}, {row['reason']})."
