"""What verdicts and intervals are worth: simulated results with known truth.

    python tests/benchmarks/coverage.py [--simulations N] [--json FILE] [--show FILE]

Four tasks scatter over seeds and test items as an earlier run of eight replicates did.
The arms of a pair differ in shape:

- equal: both normal, with the same scatter;
- unequal: both normal, the text model scatters three times as much;
- heavy: the same with Student's t of three degrees of freedom;
- failing: 15 % of the runs of one arm fail;
- lognormal: one arm has a long tail downwards.

Error: how often a family of four tasks has a verdict although no task differs over the population
of seeds and items. Power: how often a task, or the family, has the right verdict, where each task
differs by one or two standard deviations of its pairs.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from command import run
from numpy.typing import NDArray

from polymath.evaluation.claims import decide
from polymath.evaluation.convergence import SHARE, Curve, Learning, own_times, time_to
from polymath.evaluation.family_test import Stratum, pooled_difference, sign_flip_together
from polymath.evaluation.item_bootstrap import item_weights, resample_score
from polymath.evaluation.mean_test import t_test
from polymath.evaluation.rate_sensitivity import RateChoice
from polymath.evaluation.statistics import (
    ALPHA,
    Interval,
    bootstrap_interval,
    estimate_mean,
    interquartile_mean,
    sign_flip_p,
)
from polymath.evaluation.tables import CLAIM_SCHEMA

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

# Of splice, amp, composer and reuters: standard deviation of a pair over seeds, standard error of
# the mean difference over test items, and how many items there are.
TASKS = ("splice", "amp", "composer", "reuters")
SEEDS = np.array([0.0999, 0.0133, 0.0235, 0.0441])
ITEMS = np.array([0.0166, 0.0066, 0.0270, 0.0038])
COUNTS = np.array([317, 734, 88, 2189])
SIZES = (5, 8, 10)
FAMILY_SIZES = (3, *SIZES)
INTERVAL_SIZES = (3, 5, 10, 20)
EFFECTS = (1.0, 2.0)  # standard deviations of a pair


def _failing(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Runs that scatter normally, of which 15 % fail by four standard deviations; mean 0, sd 1."""
    failed = generator.random(shape) < 0.15
    return (0.6 - 4 * failed + generator.standard_normal(shape)) / np.sqrt(1 + 16 * 0.15 * 0.85)


def _lognormal(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """A long tail downwards; mean 0, sd 1."""
    drawn = np.exp(0.8 * generator.standard_normal(shape))
    return (np.exp(0.32) - drawn) / np.sqrt((np.exp(0.64) - 1) * np.exp(0.64))


def _normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return generator.standard_normal(shape)


def _heavy(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return generator.standard_t(3, shape) / np.sqrt(3)


# The text model's runs, how much wider they scatter than those of random weights, and the latter's.
SHAPES: dict[str, tuple[Draw, float, Draw]] = {
    "equal": (_normal, 1, _normal),
    "unequal": (_normal, 3, _normal),
    "heavy": (_heavy, 3, _heavy),
    "failing": (_failing, 3, _normal),
    "lognormal": (_lognormal, 3, _normal),
}


def draw_pairs(shape: str, size: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Return paired differences with mean 0 and standard deviation 1."""
    text, scale, scratch = SHAPES[shape]
    pairs = scale * text(generator, size) - scratch(generator, size)
    return pairs / np.sqrt(scale**2 + 1)


def draw_families(
    shape: str, n: int, families: int, effect: float, with_items: bool = True
) -> tuple[Floats, Floats]:
    """Return (families, tasks, n) differences, and (families, tasks) standard errors over items."""
    generator = np.random.default_rng([n, families, int(10 * effect)])
    differences = draw_pairs(shape, (families, len(TASKS), n), generator) + effect
    differences *= SEEDS[:, None]
    if not with_items:
        return differences, np.zeros((families, len(TASKS)))
    differences += (ITEMS * generator.standard_normal((families, len(TASKS))))[..., None]
    spread = generator.chisquare(COUNTS - 1, (families, len(TASKS))) / (COUNTS - 1)
    return differences, ITEMS * np.sqrt(spread)


def as_rows(differences: Floats, errors: Floats) -> pd.DataFrame:
    """Return simulated comparisons as rows to decide."""
    rows = [
        {"claim": "better", "task": task, "model": str(number), "reference": "scratch",
         "fraction": "1", "recipe": "default", "n": len(pairs), "value": pairs.mean(),
         "shared_error": error, "shared_df": count - 1, "differences": pairs, "reason": "",
         "qualifier": ""}
        for number, family in enumerate(differences)
        for task, pairs, error, count in zip(TASKS, family, errors[number], COUNTS, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=CLAIM_SCHEMA.names)


def any_decided(table: pd.DataFrame) -> float:
    """Return the share of families that have a verdict on some task."""
    decided = table["verdict"] != "undecided"
    return float(decided.groupby(table["model"]).any().mean())


def families_of(differences: Floats, errors: Floats) -> Iterator[list[Stratum]]:
    """Yield the tasks of each family."""
    for family, error in zip(differences, errors, strict=True):
        yield [Stratum(*task) for task in zip(family, error, strict=True)]


def together(differences: Floats, errors: Floats) -> list[float]:
    """Return each family's p over all its tasks, signed by direction."""
    tests = [sign_flip_together(family) for family in families_of(differences, errors)]
    return [float(np.copysign(test.p, test.direction)) for test in tests]


def measure_rule(shape: str, n: int, families: int) -> dict[str, float]:
    """Return how often the rule decides where it must not, and where it should."""
    figures: dict[str, float] = {}
    null = draw_families(shape, n, families, 0)
    seeds_only = draw_families(shape, n, families, 0, with_items=False)
    if n in SIZES:
        table = decide(as_rows(*null))
        figures["error"] = any_decided(table)
        figures["error, seeds alone"] = any_decided(decide(as_rows(*seeds_only)))
        covered = (table["low"] <= 0) & (table["high"] >= 0)
        figures["coverage"] = float(covered.mean())
        figures["coverage, seeds"] = float(
            ((table["seeds_low"] <= 0) & (table["seeds_high"] >= 0)).mean()
        )
    figures["error together"] = float(np.mean(np.abs(together(*null)) <= ALPHA))
    figures["error together, seeds alone"] = float(np.mean(np.abs(together(*seeds_only)) <= ALPHA))
    for effect in EFFECTS:
        real = draw_families(shape, n, families, effect)
        if n in SIZES:
            verdicts = decide(as_rows(*real))["verdict"]
            figures[f"power at {effect:g}"] = float((verdicts == "supported").mean())
        p = np.array(together(*real))
        figures[f"power together at {effect:g}"] = float(np.mean((p > 0) & (p <= ALPHA)))
    return figures


@lru_cache
def pooled_truth(shape: str) -> float:
    """Return the interquartile mean of all pairs of four tasks without a mean difference."""
    differences, _ = draw_families(shape, 1, 100_000, 0)
    return float(interquartile_mean(differences.T.ravel()))


def measure_pooled(shape: str, n: int, families: int) -> float:
    """Return how often the interval of the pooled difference holds the true one."""
    drawn = families_of(*draw_families(shape, n, families, 0))
    hits = [_covers(pooled_difference(family)[1], pooled_truth(shape)) for family in drawn]
    return float(np.mean(hits))


def _covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def measure_intervals(shape: str, n: int, simulations: int) -> dict[str, float]:
    """Return how often intervals over replicates hold the true mean and paired difference."""
    generator = np.random.default_rng(n)
    rows = {
        "mean": SHAPES[shape][0](generator, (simulations, n)),
        "difference": draw_pairs(shape, (simulations, n), generator),
    }
    figures = {}
    for what, values in rows.items():
        estimates = [estimate_mean(each) for each in values]
        inside = [each.low <= 0 <= each.high for each in estimates]
        figures[f"{what}, t"] = float(np.mean(inside))
        few = values[: max(1, simulations // 5)]
        figures[f"{what}, BCa"] = float(
            np.mean([_covers(bootstrap_interval(each), 0.0) for each in few])
        )
    return figures


def measure_items(task: int, n: int, simulations: int) -> dict[str, float]:
    """Return how often one task is decided that differs on these test items, but not on others."""
    generator = np.random.default_rng([task, n])
    seeds = SEEDS[task] * draw_pairs("unequal", (simulations, n), generator)
    differences = seeds + ITEMS[task] * generator.standard_normal((simulations, 1))
    count = int(COUNTS[task])
    errors = ITEMS[task] * np.sqrt(generator.chisquare(count - 1, simulations) / (count - 1))
    flips = [sign_flip_p(each) <= ALPHA for each in differences]
    both = [
        t_test(each, error, count - 1).p <= ALPHA
        for each, error in zip(differences, errors, strict=True)
    ]
    return {"seeds alone": float(np.mean(flips)), "both variances": float(np.mean(both))}


def measure_bootstrapped(items: int, n: int, simulations: int) -> dict[str, float]:
    """Return the same for models that answer item by item, through the bootstrap itself.

    Items differ in difficulty, for all and for each arm; replicates answer at random by it.
    """
    generator = np.random.default_rng([items, n])
    weights = item_weights([str(number) for number in range(items)])
    ones = np.ones(items)
    flips, both = [], []
    for _ in range(simulations):
        ease = 1.5 + generator.standard_normal(items) + generator.standard_normal((2, items))
        right = generator.random((n, 2, items)) < 1 / (1 + np.exp(-2 * ease))
        differences = right.mean(axis=2) @ [1, -1]
        drawn = [
            resample_score(ones, arms[0][:, None] * 1.0, weights, "accuracy")
            - resample_score(ones, arms[1][:, None] * 1.0, weights, "accuracy")
            for arms in right
        ]
        error = float(np.std(np.mean(drawn, axis=0)) * np.sqrt(items / (items - 1)))
        flips.append(sign_flip_p(differences) <= ALPHA)
        both.append(t_test(differences, error, items - 1).p <= ALPHA)
    return {"seeds alone": float(np.mean(flips)), "both variances": float(np.mean(both))}


CHANCE, HIGH_END, BUDGET = 0.52, 0.895, 3840.0  # the budget in examples
ENDS = (0.895, 0.88, 0.86, 0.84, 0.82)


def draw_learning(
    end: float, speed: float, n: int, points: int, dev: int, generator: np.random.Generator
) -> Learning:
    """Return dev curves that approach an end exponentially; seeds vary end and speed."""
    times = np.linspace(0, BUDGET, points + 1)
    curves = {}
    for replicate in range(n):
        rate = speed / BUDGET * np.exp(0.25 * generator.standard_normal())
        own = end + 0.01 * generator.standard_normal()
        shape = (1 - np.exp(-rate * times)) / (1 - np.exp(-rate * BUDGET))
        score = CHANCE + (own - CHANCE) * shape
        noise = np.sqrt(score * (1 - score) / dev) * generator.standard_normal(len(times))
        curves[replicate] = Curve(times, score + noise, times, True)
    return Learning("", "accuracy", CHANCE, curves, RateChoice(1, False))


def same_score_lead(text: Learning, scratch: Learning) -> Floats:
    """Return each pair's share of the budget saved to the same score."""
    target = CHANCE + SHARE * (max(text.final, scratch.final) - CHANCE)
    times = [
        [min(BUDGET, time_to(target, curve.scores, curve.examples)) / BUDGET
         for curve in learning.curves.values()]
        for learning in (text, scratch)
    ]  # fmt: skip
    return np.array(times[1]) - np.array(times[0])


def decide_speed(text: Learning, scratch: Learning) -> dict[str, bool]:
    """Return whether “faster” is decided: by the rule, with known targets, by the same score."""
    (own, error), (reference, reference_error) = (
        own_times([*learning.curves.values()], learning, BUDGET) for learning in (text, scratch)
    )
    lead, shared = reference - own, float(np.hypot(error, reference_error))
    return {
        "own end": t_test(lead, shared, len(lead) - 1).p <= ALPHA,
        "own end, target taken as known": t_test(lead).p <= ALPHA,
        "same score": t_test(same_score_lead(text, scratch)).p <= ALPHA,
    }


def measure_speed(
    end: float, speed: float, n: int, points: int, dev: int, simulations: int
) -> dict[str, float]:
    """Return how often “faster” is decided of arms with these ends and relative speeds."""
    generator = np.random.default_rng([int(1000 * end), int(10 * speed), n, points, dev])
    decided = [
        decide_speed(
            draw_learning(HIGH_END, speed, n, points, dev, generator),
            draw_learning(end, 3.0, n, points, dev, generator),
        )
        for _ in range(simulations)
    ]
    return {name: float(np.mean([each[name] for each in decided])) for name in decided[0]}


def measure_all_speeds(simulations: int) -> list[dict[str, Any]]:
    """Return the figures of “faster” by replicates, evaluations, dev items, ends and speed."""
    return [
        {"end": end, "speed": speed, "n": n, "evaluations": points, "dev": dev,
         **measure_speed(end, speed, n, points, dev, simulations)}
        for n, points, dev in ((5, 16, 448), (8, 8, 448), (8, 16, 448), (8, 16, 60))
        for end, speed in (*((end, 3.0) for end in ENDS), (ENDS[0], 5.0))
    ]  # fmt: skip


def measure(simulations: int) -> dict[str, Any]:
    """Return all figures."""
    few = max(1, simulations // 5)
    return {
        "simulations": simulations,
        "alpha": ALPHA,
        "rule": [
            {"shape": shape, "n": n, **measure_rule(shape, n, simulations),
             "coverage together": measure_pooled(shape, n, few)}
            for shape in SHAPES for n in FAMILY_SIZES
        ],
        "intervals": [
            {"shape": shape, "n": n, **measure_intervals(shape, n, simulations)}
            for shape in SHAPES for n in INTERVAL_SIZES
        ],
        "items": [
            {"task": name, "items": int(count), "n": n, **measure_items(task, n, simulations)}
            for task, (name, count) in enumerate(zip(TASKS, COUNTS, strict=True))
            for n in (5, 8, 10, 20)
        ],
        "bootstrapped": [
            {"items": items, "n": n, **measure_bootstrapped(items, n, few)}
            for items in (50, 200) for n in (5, 10)
        ],
        "speed": measure_all_speeds(simulations),
    }  # fmt: skip


def _grid(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as the lines of a Markdown table; a dash where a row has no value."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        cells = [row.get(name, "–") for name in names]
        texts = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append(f"| {' | '.join(texts)} |")
    return lines


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    count = figures["simulations"]
    few = max(1, count // 5)
    errors = ("error", "error, seeds alone", "error together", "error together, seeds alone")
    keys = ("shape", "n")
    power = [name for name in figures["rule"][-1] if name.startswith("power")]
    coverage = [name for name in figures["rule"][-1] if name.startswith("coverage")]

    def chosen(names: tuple[str, ...] | list[str]) -> list[dict[str, Any]]:
        return [{key: row[key] for key in (*keys, *names) if key in row}
                for row in figures["rule"]]  # fmt: skip

    speed = [
        {**row, "end": f"{row['end']:g}", "speed": f"{row['speed']:g}"} for row in figures["speed"]
    ]
    sections = [
        (f"Error, {count} families of {len(TASKS)} tasks per cell:", chosen(errors)),
        (f"Power, {count} families per cell:", chosen(power)),
        (
            f"Coverage of the intervals that stand beside the tests, {count} families per cell, "
            f"{few} for all tasks together:",
            chosen(coverage),
        ),
        (
            f"Coverage of intervals over replicates alone, {count} simulations per cell, {few} for "
            "the bootstrap:",
            figures["intervals"],
        ),
        (f"False verdicts on one task, {count} simulations per cell:", figures["items"]),
        (
            f"The same through the bootstrap of answers item by item, {few} simulations per cell:",
            figures["bootstrapped"],
        ),
        (
            f"“Faster”, {count} simulations per cell; the text model ends at {HIGH_END:g}, random "
            "weights at `end` and with speed 3:",
            speed,
        ),
    ]
    return "\n\n".join("\n".join([title, "", *_grid(rows)]) for title, rows in sections)


if __name__ == "__main__":
    run(__doc__, measure, to_table, "--simulations", 1000)
