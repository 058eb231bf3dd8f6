"""What more replicates would decide: each task's power, from the scatter seen so far."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.claims import LEAST_PAIRS
from polymath.evaluation.mean_test import POWER, power, standard_error

REPLICATES = range(3, 21)


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


def command_for(replicates: int, options: Sequence[str]) -> str:
    """Return the command that runs an experiment with so many replicates; options as below."""
    return command_with("replicates", str(replicates), options)


def command_with(key: str, value: str, options: Sequence[str]) -> str:
    """Return the command that runs an experiment with one setting changed, quoted for a shell.

    Args:
        options: configuration options of the command that ran it; `--config` comes last.
    """
    kept = [word for word in options if not word.startswith(f"{key}=")]
    flag = [] if "--config" in kept else ["--config"]
    return shlex.join(["snakemake", "--cores", "all", *kept, *flag, f"{key}={value}"])


def describe_power(claims: pd.DataFrame, options: Sequence[str]) -> Iterator[str]:
    """Yield each task's power with 3 to 20 replicates, and the command that adds what is missing.

    Args:
        claims: as judged with the replicates that there are.
        options: configuration options of the command, as `--configfile my.yaml`.
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
    yield from describe_missing(judged, options)


def describe_missing(claims: pd.DataFrame, options: Sequence[str]) -> Iterator[str]:
    """Yield how many replicates undecided rows lack, and the command that adds them.

    Args:
        claims, options: as of `describe_power`.
    """
    judged = claims[claims["p"].notna()]
    undecided = judged[judged["verdict"] == "undecided"].to_dict("records")
    wanted = [next((n for n in REPLICATES if power_of(row, n) >= POWER), None) for row in undecided]
    within = [count for count in wanted if count is not None]
    if beyond := len(wanted) - len(within):
        yield (
            f"{beyond} of {len(wanted)} undecided would need more than {REPLICATES[-1]} replicates "
            f"for a power of {POWER:.0%}: the difference is small beside its scatter."
        )
    more = max(within, default=0)
    if more > judged["n"].min():
        words = command_for(more, options)
        yield f"{len(within)} of {len(wanted)} undecided have a power of {POWER:.0%} with: {words}"
        yield "Judging again with more replicates is another look, which nothing corrects for."
