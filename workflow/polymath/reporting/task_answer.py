"""One task's answer in one line: should one start from a text model, and what would settle it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from polymath.evaluation.claim_rows import IDLE
from polymath.evaluation.claims import AS_IT_IS, LEAST_PAIRS
from polymath.evaluation.learned import learned_nothing
from polymath.evaluation.mean_test import POWER
from polymath.evaluation.metrics import limits_of
from polymath.experiment.conditions import NONE
from polymath.experiment.contrasts import PRETRAINED, SCRATCH
from polymath.experiment.datasets import OF_ONE_CLASS
from polymath.experiment.input_orders import AS_IS, order_of
from polymath.reporting.auc import (
    describe_disagreement,
    describe_one_class,
    format_auc_difference,
    has_auc,
)
from polymath.reporting.matrix import BASELINE_NAMES, METRIC_NAMES, count_items, name_constant
from polymath.reporting.power import ENDLESS, REPLICATES, power_of, replicates_needed
from polymath.reporting.rerun import Rerun
from polymath.reporting.tables import format_estimate, format_number, has_width, varying_columns

ITEMS = " test items"
FEW_ITEMS = 100  # test items, below which one of them is worth more than 0.01 of accuracy
SHARE_METRICS = ("accuracy",)  # an item is worth its share of them
MOST_TIMES = 1000  # as many test items, beyond which no number is named
# The answer in words, by verdict.
ALONE = {
    "supported": "yes: the text model ends better",
    "contradicted": "no: random weights end better",
    "undecided": "undecided",
}


@dataclass(frozen=True)
class Hindrance:
    """Why a task cannot tell two arms apart, whatever the number of replicates."""

    why: str
    remedy: str


UNLEARNED = Hindrance(
    "neither arm is shown to have learned the task",
    "more training rows, more steps, or other learning rates, as "
    "`learning_rate: [1.0e-4, 3.0e-4, 1.0e-3]`. Or the labels do not depend on what the sequences "
    "hold.",
)
ONE_CLASS = Hindrance(
    "the test set has one class: always naming it makes no error",
    "test items of two classes or more. The task's `split` can give test a larger share.",
)
PERFECT = Hindrance(
    "both arms have a perfect score on the test set",
    "harder test items. For these, either arm will do.",
)


# What settles a task that has no test, by what its reason says.
WITHOUT_TEST = {
    "diverged": "a lower learning_rate, or a clip_norm, so that no replicate diverges.",
    "share seeds": "replicates with seeds of their own. Remove `crossed` from the configuration, "
    f"and set `replicates: {LEAST_PAIRS}` or more.",
    "two groups": "test items of two groups or more. The task's `split` can give test a larger "
    "share.",
}


@dataclass(frozen=True)
class TaskAnswer:
    """One task's line: its verdict on final scores, the numbers, and what would settle it."""

    task: str
    verdict: str
    sentence: str
    settle: str
    """Empty where the verdict is not undecided."""


def answer_task(
    row: Mapping[str, Any],
    better: pd.DataFrame,
    matrix: pd.DataFrame,
    minutes: Mapping[str, float],
    records: Mapping[str, int],
    rerun: Rerun,
) -> TaskAnswer:
    """Return the answer of one row of the claims on final scores.

    Args:
        better: all these rows, which tell what a row must be named by.
        minutes, records, rerun: as of `answer_in_words`.
    """
    text, random = (_rows_of(matrix, row, init) for init in (PRETRAINED, SCRATCH))
    mean, random_mean = _value(text, "mean"), _value(random, "mean")
    if pd.isna(random_mean):  # they are of the model's base, or all diverged
        random_mean = mean - row["value"]
    best = _best_baseline(matrix, row)
    facts = [
        f"{_metric(text)}text model {format_number(mean)}",
        f"random weights {format_number(random_mean)}",
        *_baseline(best),
        *_constant(text),
    ]
    hindrance = _hindrance(text, random)
    low, high = row["low"], row["high"]
    if not has_width(low, high):
        low = high = math.nan
    sentences = [
        f"{_verdict(row, mean, best, hindrance)}: {', '.join(facts)}",
        f"difference {format_estimate(row['value'], low, high, '+.3f')}",
        *_auc(row, text, random),
        *_one_class(text, random),
        *_items(row, text),
        *_minutes(row, minutes),
    ]
    settle = ""
    if row["verdict"] == "undecided":
        settle = _what_would_settle(row, records.get(row["task"]), rerun, hindrance)
    return TaskAnswer(name_task(row, better), row["verdict"], f"{'; '.join(sentences)}.", settle)


def count_records(cards: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many records each task has after preparation, from their cards."""
    return {card["task"]: sum(card["splits"].values()) for card in cards}


def name_task(row: Mapping[str, Any], better: pd.DataFrame) -> str:
    """Return a row's task with those settings that tell it from the task's other rows."""
    same = better[better["task"] == row["task"]]
    settings = varying_columns(same, ("model", "mapping", "fraction", "recipe"))
    names = [row[name] for name in settings]
    as_it_is = ["text as it is"] if row.get("claim") == AS_IT_IS else []
    return " · ".join([row["task"], *(name for name in names if name != "identity"), *as_it_is])


def _verdict(
    row: Mapping[str, Any], mean: float, best: pd.Series | None, hindrance: Hindrance | None
) -> str:
    text = ALONE[row["verdict"]]
    if row["verdict"] == "undecided":
        if hindrance:
            return f"{text}, as {hindrance.why}"
        return f"{text} ({row['reason']})" if row["reason"] else text
    qualified = f"{text} {row['qualifier']}".rstrip()
    if row["verdict"] == "supported" and best is not None and best["mean"] > mean:
        return f"{qualified}, but {BASELINE_NAMES[best['model']]} scored higher"
    return qualified


def _rows_of(matrix: pd.DataFrame, row: Mapping[str, Any], init: str) -> pd.DataFrame:
    """Return the matrix's row of an arm; empty if it has none."""
    settings = {name: row[name] for name in ("task", "model", "mapping", "fraction", "recipe")}
    arm = pd.Series({**settings, "init": init})
    return matrix[(matrix[arm.index] == arm).all(axis=1)]


def _hindrance(text: pd.DataFrame, random: pd.DataFrame) -> Hindrance | None:
    """Return what keeps both arms alike: no task, chance level by score and AUC, or no error."""
    arms = pd.concat([text, random])
    if arms.empty:
        return None
    best = limits_of(arms["metric"].iloc[0])[1]
    if (arms["chance"] == best).all():
        return ONE_CLASS
    if learned_nothing(arms).all():
        return UNLEARNED
    return PERFECT if len(arms) > 1 and (arms["mean"] == best).all() else None


def _value(of_arm: pd.DataFrame, column: str) -> float:
    """Return an arm's number in a column of the matrix; NaN if the matrix has no such arm."""
    return float(of_arm[column].iloc[0]) if len(of_arm) else math.nan


def _metric(of_arm: pd.DataFrame) -> str:
    if of_arm.empty:
        return ""
    metric, positive = of_arm["metric"].iloc[0], of_arm.iloc[0].get("positive")
    of_class = f" (of class '{positive}')" if metric in OF_ONE_CLASS and positive else ""
    return f"mean test {METRIC_NAMES[metric]}{of_class} of the "


def _auc(row: Mapping[str, Any], text: pd.DataFrame, random: pd.DataFrame) -> Iterator[str]:
    """Yield AUC of both arms, and where it disagrees with the score."""
    if not has_auc(row) or text["metric"].iloc[0] == "roc_auc":
        return
    auc, random_auc = _value(text, "auc"), _value(random, "auc")
    if pd.isna(random_auc):
        random_auc = auc - row["auc_difference"]
    disagreement = describe_disagreement(row)
    yield (
        f"AUC {format_number(auc)} and {format_number(random_auc)}, difference "
        f"{format_auc_difference(row)}{': ' if disagreement else ''}{disagreement}"
    )


def _one_class(text: pd.DataFrame, random: pd.DataFrame) -> Iterator[str]:
    """Yield which arms predict one class on the test set."""
    for of_arm, name in ((text, "text model"), (random, "random weights")):
        for remark in filter(None, map(describe_one_class, of_arm.to_dict("records"))):
            yield f"{name}: {remark}"


def _best_baseline(matrix: pd.DataFrame, row: Mapping[str, Any]) -> pd.Series | None:
    """Return the best baseline that was trained on as much data; None without any.

    None has seen shuffled sequences, so models on those have none to be compared with.
    """
    if order_of(row["recipe"]) != AS_IS:
        return None
    same = (matrix["task"] == row["task"]) & (matrix["fraction"] == row["fraction"])
    rows = matrix[same & (matrix["init"] == NONE)]
    return None if rows["mean"].isna().all() else rows.loc[rows["mean"].idxmax()]


def _baseline(best: pd.Series | None) -> Iterator[str]:
    if best is not None:
        yield f"{BASELINE_NAMES[best['model']]} (best baseline) {format_number(best['mean'])}"


def _constant(of_arm: pd.DataFrame) -> Iterator[str]:
    """Yield the score of the commonest class, or of a constant."""
    if len(of_arm) and pd.notna(of_arm["chance"].iloc[0]):
        name = name_constant(of_arm["metric"].iloc[0])
        yield f"{name} {format_number(of_arm['chance'].iloc[0])}"


def _items(row: Mapping[str, Any], of_arm: pd.DataFrame) -> Iterator[str]:
    items = row["items"]
    if pd.isna(items):
        return
    text = count_items(row, ITEMS)
    if items < FEW_ITEMS:
        is_share = len(of_arm) and of_arm["metric"].iloc[0] in SHARE_METRICS
        worth = f": one of them is worth {1 / items:.3f}" if is_share else ""
        text += f", which are few{worth}"
    yield text


def _minutes(row: Mapping[str, Any], minutes: Mapping[str, float]) -> Iterator[str]:
    if row["task"] in minutes:
        spent = minutes[row["task"]]
        shown = f"{spent:.1f} minutes" if spent >= 1 else f"{60 * spent:.0f} s"
        yield f"{shown} of training for the reported replicates of all arms"


def _what_would_settle(
    row: Mapping[str, Any],
    records: int | None,
    rerun: Rerun,
    hindrance: Hindrance | None,
) -> str:
    """Return what would decide an undecided task, with the command where there is one."""
    for reason, remedy in WITHOUT_TEST.items():
        if reason in row["reason"]:
            return f"To settle it: {remedy}"
    if IDLE in row["reason"]:
        hindrance = hindrance or UNLEARNED
    if hindrance:
        return f"To settle it: {hindrance.remedy}"
    tested = pd.notna(row["p"])
    needed = replicates_needed(dict(row)) if tested else None
    if row["n"] < LEAST_PAIRS:
        wanted = needed or LEAST_PAIRS
        return (
            f"To settle it, at least {wanted} replicates are needed: "
            f"{rerun.with_replicates(wanted)}"
        )
    if not tested:
        return ""
    if needed:
        return (
            f"To settle it: {rerun.with_replicates(needed)}. If the difference and its scatter "
            f"are those seen so far, {POWER:.0%} of such experiments decide; a repeated look makes "
            "a wrong verdict a little more likely."
        )
    if power_of(dict(row), ENDLESS) >= POWER:
        return (
            "To settle it, more than "
            f"{REPLICATES[-1]} replicates are needed: the difference is small beside its scatter."
        )
    return (
        f"More replicates alone do not settle it: with {count_items(row, ITEMS)}, any number of "
        f"them decides in {power_of(dict(row), ENDLESS):.0%} of such experiments. "
        f"{_items_needed(row, records)}"
    )


def _items_needed(row: Mapping[str, Any], records: int | None) -> str:
    """Return how many test items would decide, if the difference were the one seen."""
    times, most = 1.25, REPLICATES[-1]
    while times <= MOST_TIMES:
        more = {
            **row,
            "shared_error": row["shared_error"] / math.sqrt(times),
            "shared_df": row["shared_df"] * times,
        }
        if power_of(more, most) >= POWER:
            needed = float(f"{times * row['items']:.1e}")  # the estimate has no more digits
            if records and needed > records / 2:
                return (
                    f"About {needed:,.0f} test items and {most} replicates would; this task has "
                    f"{records:,} records in all, of which training needs its share."
                )
            return (
                f"About {needed:,.0f} test items and {most} replicates would. The task's `split` "
                "can give test a larger share, and training a smaller one."
            )
        times *= 1.25
    return (
        f"Nor do {MOST_TIMES:,} times as many test items with {most} replicates: the difference "
        "seen is small beside its scatter."
    )
