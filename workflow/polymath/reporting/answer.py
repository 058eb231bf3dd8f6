"""The verdicts in sentences, for a terminal."""

from collections.abc import Iterator

import pandas as pd

from polymath.evaluation.claims import CLAIMS
from polymath.reporting.tables import format_estimate

UNDECIDED = "undecided"


def verdict_in_words(verdict: str, qualifier: str) -> str:
    """Return a verdict with what it must be read with: “supported at one learning rate”."""
    return f"{verdict} {qualifier}".rstrip() if verdict != UNDECIDED else UNDECIDED


def describe_families(families: pd.DataFrame) -> Iterator[str]:
    """Yield one sentence per claim and family: the verdict on its tasks together."""
    for row in families.to_dict("records"):
        statement = CLAIMS[row["claim"]].statement.rstrip(".")
        if not row["tasks"]:
            yield f"{statement}: not judged ({row['left_out']})."
            continue
        several = "these tasks together" if row["tasks"] > 1 else "this task"
        yield (
            f"{statement}, {row['model']}: {verdict_in_words(row['verdict'], row['qualifier'])}, "
            f"for {several} ({row['members']}): "
            f"{format_estimate(row['iqm'], row['iqm_low'], row['iqm_high'], '+.3f')}, "
            f"p = {row['p']:.4f}, {row['pairs']} pair{'s' * (row['pairs'] > 1)}."
        )


def describe_tasks(claims: pd.DataFrame) -> Iterator[str]:
    """Yield one sentence per claim that was tested: its verdict on each task of its own."""
    for name, claim in CLAIMS.items():
        rows = claims[(claims["claim"] == name) & claims["n"].notna()]
        if rows.empty:
            continue
        verdicts = [
            f"{row['task']} {verdict_in_words(row['verdict'], row['qualifier'])}"
            for row in rows.to_dict("records")
        ]
        yield f"{claim.statement.rstrip('.')}, task by task: {', '.join(verdicts)}."
