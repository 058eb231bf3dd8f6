"""What more replicates would decide: each task's power, from the scatter seen so far."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.claims import FEW_PAIRS, LEAST_PAIRS
from polymath.evaluation.mean_test import POWER, power, standard_error
from polymath.evaluation.similarity_claim import NOT_MEASURED
from polymath.reporting.rerun import Rerun

REPLICATES = range(3, 21)
# So many replicates that seeds no longer matter: what is left is the test items' share.
ENDLESS = 10**9


def power_of(row: dict[str, Any], n: int) -> float:
    """Return the probability that n replicates decide a claim's row.

    The true difference and both variances are taken to be those seen so far. The variance over test
    items does not fall with more replicates; that of a target, a mean over replicates, does.
    """
    if n < LEAST_PAIRS:
        return 0.0
    differences = np.asarray(row["differences"])
    shared_error = 0.0 if pd.isna(row["shared_error"]) else row["shared_error"]
    shared_df = row["shared_df"]
    if row["claim"] == "faster":
        shared_error, shared_df = shared_error * np.sqrt(len(differences) / n), n - 1
    error, df = standard_error(float(np.std(differences, ddof=1)), n, shared_error, shared_df)
    tests = 1 if pd.isna(row["tests"]) else row["tests"]
    return power(float(np.mean(differences)), error, df, tests) if error > 0 else 0.0


def replicates_needed(row: dict[str, Any]) -> int | None:
    """Return how many replicates, more than there are, give a row the power; None beyond 20."""
    return next((n for n in REPLICATES if n > row["n"] and power_of(row, n) >= POWER), None)


def describe_power(claims: pd.DataFrame, rerun: Rerun) -> Iterator[str]:
    """Yield each task's power with 3 to 20 replicates, and the command that adds what is missing.

    Args:
        claims: as judged with the replicates that there are.
    """
    judged = claims[claims["p"].notna()]
    if judged.empty:
        return
    yield (
        "power in % with n replicates, if the true difference and both variances are those seen so "
        f"far; below n = {LEAST_PAIRS} only all tasks together are decided:"
    )
    names = [f"{row['claim']}: {row['task']}, {row['model']}" for row in judged.to_dict("records")]
    width = max(map(len, names))
    yield f"  {'n':>{width}} {' '.join(f'{n:>3}' for n in REPLICATES)}"
    for name, row in zip(names, judged.to_dict("records"), strict=True):
        powers = [f"{100 * power_of(row, n):>3.0f}" for n in REPLICATES]
        yield f"  {name:>{width}} {' '.join(powers)}"
    yield from describe_missing(claims, rerun)


def describe_missing(claims: pd.DataFrame, rerun: Rerun) -> Iterator[str]:
    """Yield how many replicates undecided rows lack, and the command that adds them.

    Args:
        claims: as of `describe_power`.
    """
    undecided = claims[claims["verdict"] == "undecided"]
    of_models = undecided["claim"].isin(NOT_MEASURED)  # pairs of models, not of runs
    runs, models = undecided[~of_models], undecided[of_models]
    yield from _describe_missing(runs, rerun.with_replicates, "")
    yield from _describe_missing(models, rerun.with_models_compared, " of representations")


def _describe_missing(
    undecided: pd.DataFrame, command: Callable[[int], str], kind: str
) -> Iterator[str]:
    """Yield what is missing where replicates are added by one command.

    Args:
        kind: of comparisons, as it follows the word.
    """
    few = int((undecided["p"].isna() & (undecided["reason"] == FEW_PAIRS)).sum())
    judged = undecided[undecided["p"].notna()].to_dict("records")
    needed = [replicates_needed(row) for row in judged]
    within = [n for n in needed if n is not None]
    limited = [row for row in judged if power_of(row, ENDLESS) < POWER]
    beyond = len(judged) - len(limited) - len(within)
    total = few + len(judged)
    whole = f"the {total} undecided comparisons{kind} that can be tested"

    def share(count: int) -> str:
        if total == 1:
            return f"the undecided comparison{kind}"
        return f"each of {whole}" if count == total else f"{count} of {whole}"

    if limited:
        by_items = any(row["shared_error"] > 0 for row in limited)
        yield (
            f"For {share(len(limited))} no number of replicates has a power of {POWER:.0%}: "
            + ("the test items set the limit." if by_items else "there is no difference to find.")
        )
    if beyond > 0:
        yield (
            f"For a power of {POWER:.0%}, {share(beyond)} would need more than "
            f"{REPLICATES[-1]} replicates: the difference is small beside its scatter."
        )
    if few and not within:
        yield (
            f"At least {LEAST_PAIRS} replicates are needed to judge {share(few)}: "
            f"{command(LEAST_PAIRS)}"
        )
    if within:
        yield (
            f"This command would give {share(len(within))} a power of {POWER:.0%}: "
            f"{command(max(within))}"
        )
        yield "Judging again with more replicates is another look, which nothing corrects for."
