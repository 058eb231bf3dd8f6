"""The verdict on a family of one task, which is that task's own."""

from collections.abc import Mapping
from typing import Any

import pandas as pd


def with_own_verdicts(families: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Return the families of tasks; one of a single task has that task's own verdict and numbers.

    The test of several tasks together decides one task from six pairs only, where the task's own
    may have decided it with five.

    Args:
        claims: the verdicts task by task.
    """
    rows = [
        {**row, **_own(row, claims)} if row["tasks"] == 1 else row
        for row in families.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=families.columns)


def _own(family: Mapping[str, Any], claims: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of a family that its only task's own row of the claims gives."""
    of_task = claims[
        (claims["claim"] == family["claim"])
        & (claims["task"] == family["members"])
        & (claims["model"] == family["model"])
        & (claims["fraction"] == family["fraction"])
    ]
    # A family lists the settings of all its tasks, those that are left out among them.
    for name in ("mapping", "recipe", "reference"):
        of_task = of_task[of_task[name].isin(family[name].split(", "))]
    if len(of_task) != 1:
        return {}
    own = of_task.iloc[0]
    return {
        "verdict": own["verdict"],
        "reason": own["reason"],
        "p": own["p_holm"],
        "iqm": own["value"],
        "iqm_low": own["low"],
        "iqm_high": own["high"],
    }
