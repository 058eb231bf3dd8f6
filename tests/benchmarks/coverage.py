"""What the intervals and the rule of decision are worth: simulated results with known truth.

    python tests/benchmarks/coverage.py [--simulations N] [--json FILE] [--show FILE]

For 3, 5, 10 and 20 replicates, under four kinds of numbers:

- normal: replicates scatter evenly;
- skewed: some fail badly, as runs do that do not leave a plateau;
- bounded: near the best possible score;
- censored: times to a target, of which 37 % are cut off at the budget.

Coverage: how often the 95 % interval of a mean over replicates, or of the paired difference of two
arms of which one scatters twice as much, or of the score over test items, holds the true value.
Rates: how often a family of four tasks has a verdict although the arms do not differ (a false
positive), and which share of the tasks is decided when they do.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polymath.evaluation.claims import CLAIMS, MARGIN, decide
from polymath.evaluation.item_bootstrap import item_weights, resample_score
from polymath.evaluation.statistics import (
    ALPHA,
    Interval,
    bootstrap_interval,
    estimate_mean,
    interquartile_gain,
    percentiles,
    stratified_interval,
)
from polymath.evaluation.tables import CLAIM_SCHEMA

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

SIZES = (3, 5, 10, 20)
TASKS = 4
EFFECT = 2.0  # standard deviations of a replicate's score
ITEM_SETS = (50, 200, 1000)
ACCURACY = 0.9

BETA_MEAN: float = 8 / 8.8
BETA_SD: float = math.sqrt(8 * 0.8 / (8.8**2 * 9.8))
CUT_MEAN: float = 1 - math.exp(-1)
CUT_SD: float = math.sqrt(2 - 4 * math.exp(-1) - CUT_MEAN**2)
# Each has mean 0 and standard deviation 1.
SCORES: dict[str, Draw] = {
    "normal": lambda generator, shape: generator.standard_normal(shape),
    "skewed": lambda generator, shape: 1 - generator.exponential(size=shape),
    "bounded": lambda generator, shape: (generator.beta(8, 0.8, shape) - BETA_MEAN) / BETA_SD,
    "censored": lambda generator, shape: (
        (np.minimum(generator.exponential(size=shape), 1) - CUT_MEAN) / CUT_SD
    ),
}


def students(values: Floats) -> Interval:
    mean = estimate_mean(values)
    return Interval(mean.low, mean.high)


INTERVALS: dict[str, Callable[[Floats], Interval]] = {
    "t": students,
    "BCa": bootstrap_interval,
    "percentile": lambda values: bootstrap_interval(values, method="percentile"),
}


def covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def measure_coverage(draw: Draw, n: int, simulations: int) -> dict[str, float]:
    """Return how often each interval holds the true mean, or the true paired difference."""
    generator = np.random.default_rng(n)
    means = draw(generator, (simulations, n))
    shared = draw(generator, (simulations, n))  # what the arms of a pair have in common
    pairs = (shared + 2 * draw(generator, (simulations, n))) - (
        shared + draw(generator, (simulations, n))
    )
    return {
        f"{what} {name}": float(np.mean([covers(interval(one), 0.0) for one in rows]))
        for what, rows in (("mean", means), ("difference", pairs))
        for name, interval in INTERVALS.items()
    }


def measure_gain(draw: Draw, n: int, simulations: int) -> float:
    """Return how often the interval of the interquartile gain holds the true one, of 0."""
    generator = np.random.default_rng(n)
    hits = 0
    for _ in range(simulations):
        strata = [level + draw(generator, (n, 2)) for level in range(TASKS)]
        hits += covers(stratified_interval(strata, interquartile_gain), 0.0)
    return hits / simulations


def measure_items(items: int, simulations: int) -> float:
    """Return how often the interval over items holds the true accuracy of a trained model."""
    generator = np.random.default_rng(items)
    right = generator.random((simulations, items)) < ACCURACY
    weights = item_weights(items)
    ones = np.ones(items)
    return float(
        np.mean(
            [
                covers(percentiles(resample_score(ones, one * 1.0, weights, "accuracy")), ACCURACY)
                for one in right
            ]
        )
    )


def families(differences: Floats, claim: str) -> pd.DataFrame:
    """Return simulated comparisons, (families, TASKS, n), as rows to decide."""
    rows = [
        {"claim": claim, "task": str(task), "model": str(number), "reference": "scratch",
         "fraction": "1", "recipe": "default", "n": len(one), "value": one.mean(),
         "margin": CLAIMS[claim].margin, "differences": one, "reason": ""}
        for number, family in enumerate(differences)
        for task, one in enumerate(family)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*CLAIM_SCHEMA.names, "differences"])


def measure_rule(draw: Draw, n: int, simulations: int) -> dict[str, float]:
    """Return how often the rule decides where it must not, and where it should."""
    generator = np.random.default_rng(n)
    shape = (simulations, TASKS, n)
    shared = draw(generator, shape)
    one, other = shared + draw(generator, shape), shared + draw(generator, shape)
    null = decide(families(one - other, "better"))
    real = decide(families(one + EFFECT - other, "better"))
    # At the margin itself, arms that scatter differently: the test's assumption does not hold.
    wide = shared + 2 * draw(generator, shape)
    edge = decide(families((wide - other) * 0.02 - MARGIN, "near in-domain"))
    by_t = _students_rule(one - other)
    return {
        "false positives": _any_decided(null),
        "false positives at the margin": _any_decided(edge),
        "false positives by t": by_t,
        "decided when true": float((real["verdict"] == "supported").mean()),
    }


def _any_decided(table: pd.DataFrame) -> float:
    decided = table["verdict"] != "undecided"
    return float(decided.groupby(table["model"]).any().mean())


def _students_rule(differences: Floats) -> float:
    """The rival: uncorrected intervals that leave out 0, task by task."""
    excluded = [
        any(not covers(students(one), 0.0) for one in family) for family in differences
    ]  # fmt: skip
    return float(np.mean(excluded))


def measure(simulations: int) -> dict[str, Any]:
    rows = [
        {
            "scores": name,
            "n": n,
            **measure_coverage(draw, n, simulations),
            "gain": measure_gain(draw, n, simulations // 2),
            **measure_rule(draw, n, simulations // 2),
        }
        for name, draw in SCORES.items()
        for n in SIZES
    ]
    items = {str(count): measure_items(count, simulations) for count in ITEM_SETS}
    return {"simulations": simulations, "alpha": ALPHA, "rows": rows, "items": items}


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as two Markdown tables and a line."""
    names = [f"{what} {name}" for what in ("mean", "difference") for name in INTERVALS]
    heads = [f"{name.replace(' ', ', ')}" for name in names]
    lines = [
        f"Coverage of 95 % intervals over replicates, {figures['simulations']} simulations a cell:",
        "",
        f"| scores | n | {' | '.join(heads)} | gain across tasks |",
        "|---" * (len(names) + 3) + "|",
    ]
    for row in figures["rows"]:
        cells = " | ".join(f"{row[name]:.3f}" for name in (*names, "gain"))
        lines.append(f"| {row['scores']} | {row['n']} | {cells} |")
    rates = ("false positives", "false positives at the margin", "false positives by t",
             "decided when true")  # fmt: skip
    lines += [
        "",
        f"The rule of decision, {figures['simulations'] // 2} families of {TASKS} tasks a cell:",
        "",
        f"| scores | n | {' | '.join(rates)} |",
        "|---" * (len(rates) + 2) + "|",
    ]
    for row in figures["rows"]:
        cells = " | ".join(f"{row[name]:.3f}" for name in rates)
        lines.append(f"| {row['scores']} | {row['n']} | {cells} |")
    counts = ", ".join(f"{share:.3f} with {count}" for count, share in figures["items"].items())
    lines += ["", f"Coverage of the interval over test items, accuracy {ACCURACY}: {counts} items."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--show", type=Path, help="print the figures of such a file instead")
    arguments = parser.parse_args()
    if arguments.show:
        print(to_table(json.loads(arguments.show.read_text())))
        return
    figures = measure(arguments.simulations)
    print(to_table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
