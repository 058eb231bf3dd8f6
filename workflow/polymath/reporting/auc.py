"""What ROC-AUC says beside a score that depends on a threshold, and arms that predict one class."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from polymath.evaluation.label_sets import name_answer
from polymath.evaluation.learned import learned_nothing, rank_items_well, reach_chance
from polymath.evaluation.tables import AUC_DIFFERENCE
from polymath.experiment.conditions import NONE
from polymath.reporting.tables import format_estimate

TITLE = "AUC difference [95 %]"


def has_auc(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a difference of AUC; tables of older runs have no such column."""
    return bool(pd.notna(row.get("auc_difference")))


def format_auc_difference(row: Mapping[str, Any]) -> str:
    """Return the difference of AUC with its interval."""
    value, low, high = (row.get(name, float("nan")) for name in AUC_DIFFERENCE)
    return format_estimate(value, low, high, "+.3f")


def describe_disagreement(row: Mapping[str, Any]) -> str:
    """Return how the difference of test scores and that of AUC disagree; empty if they agree.

    They disagree if their signs differ, or if one interval excludes zero and the other does not.

    Args:
        row: of the claims on final scores.
    """
    if not has_auc(row) or pd.isna(row["low"]):
        return ""
    score, low, high = row["value"], row["low"], row["high"]
    auc, auc_low, auc_high = (row[name] for name in AUC_DIFFERENCE)
    scores_differ, rankings_differ = (
        not a <= 0 <= b for a, b in ((low, high), (auc_low, auc_high))
    )
    opposite = score * auc < 0
    if scores_differ and rankings_differ and opposite:
        return "the test score and AUC differ in opposite directions"
    if scores_differ and not rankings_differ:
        return (
            "the test score differs, and AUC does not show it: the arms may rank the items equally "
            "well and differ in the threshold alone"
        )
    if rankings_differ and not scores_differ:
        return "AUC differs, and the test score does not show it: its threshold may hide it"
    if opposite:
        return "the test score and AUC have opposite signs; neither interval excludes zero"
    return ""


def list_disagreements(rows: pd.DataFrame) -> list[str]:
    """Return a sentence per disagreement of a claim's rows, with the tasks it holds for."""
    by_text: dict[str, list[str]] = {}
    for row in rows.to_dict("records"):
        if text := describe_disagreement(row):
            by_text.setdefault(text, []).append(row["task"])
    return [f"On {', '.join(dict.fromkeys(tasks))} {text}." for text, tasks in by_text.items()]


def count_one_class(row: Mapping[str, Any]) -> int:
    """Return how many replicates of a row of the matrix predict one class on the test set.

    A baseline that always predicts the commonest class does so by design, and counts as none.
    """
    count = row.get("one_class")
    return 0 if count is None or pd.isna(count) or row["model"] == "majority" else int(count)


def describe_one_class(row: Mapping[str, Any]) -> str:
    """Return that an arm predicts one class, or set of labels, on the test set; empty if not."""
    count = count_one_class(row)
    if not count:
        return ""
    answer = name_answer([row["metric"]])
    return f"this arm predicts one {answer} on the test set ({count} of {row['n']} replicates)"


def limits_of_thresholds(matrix: pd.DataFrame) -> Iterator[str]:
    """Yield which arms predict one class, which learned little, and which only rank the items."""
    for row in matrix.to_dict("records"):
        if text := describe_one_class(row):
            names = [row[name] for name in ("model", "init", "mapping", "recipe")]
            yield f"{row['task']}, {' '.join(name for name in names if name != NONE)}: {text}."
    trained = matrix[matrix["init"] != NONE]
    idle = trained[learned_nothing(trained)]
    ranking = trained[reach_chance(trained) & rank_items_well(trained)]
    if len(idle):
        yield (
            f"In {len(idle)} of {len(trained)} trained conditions the interval reaches chance "
            f"level: little or nothing was learned there ({_tasks(idle)})."
        )
    if len(ranking):
        yield (
            f"In {len(ranking)} of {len(trained)} trained conditions the score reaches chance "
            "level, but AUC does not: the model ranks the items, and its threshold is off "
            f"({_tasks(ranking)})."
        )


def _tasks(rows: pd.DataFrame) -> str:
    return ", ".join(dict.fromkeys(rows["task"]))
