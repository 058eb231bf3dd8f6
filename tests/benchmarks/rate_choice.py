"""What it costs to choose a learning rate by the replicates that are then reported.

    python tests/benchmarks/rate_choice.py [--simulations N] [--json FILE] [--show FILE]

Two arms that do not differ at any rate; one scatters ten times as much as the other, as pre-trained
and random weights do on some tasks. Each arm takes the rate with the best mean dev score, and the
test scores at that rate are compared by a paired t test. `reported`: the replicates that choose are
those that are compared. `own`: three others choose. Printed for each: the bias of the difference,
in units of the larger scatter, and how often the arm that scatters more is called better (nominal
2.5 %).
"""

from typing import Any

import numpy as np
from command import run
from numpy.typing import NDArray
from scipy import stats

SCATTERS = (1.0, 0.1)  # standard deviations of the two arms' scores
CORRELATION = 0.95  # of a replicate's dev and test score
TRIALS = 3
RATES = (1, 2, 3, 5)
SIZES = (3, 5, 8)
ALPHA = 0.05

Floats = NDArray[np.float64]


def draw_scores(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return dev and test scores of mean 0 and deviation 1, correlated."""
    dev = generator.standard_normal(shape)
    noise = generator.standard_normal(shape)
    return dev, CORRELATION * dev + np.sqrt(1 - CORRELATION**2) * noise


def report_arm(
    generator: np.random.Generator, simulations: int, rates: int, n: int, own: bool
) -> Floats:
    """Return an arm's test scores at its chosen rate, (simulations, n)."""
    dev, test = draw_scores(generator, (simulations, rates, n))
    choosing = draw_scores(generator, (simulations, rates, TRIALS))[0] if own else dev
    best = choosing.mean(axis=2).argmax(axis=1)
    return test[np.arange(simulations), best]


def measure_choice(rates: int, n: int, own: bool, simulations: int) -> dict[str, float]:
    """Return the bias of the difference, and how often the wider arm is called better."""
    generator = np.random.default_rng([rates, n, own])
    wide, narrow = (
        scatter * report_arm(generator, simulations, rates, n, own) for scatter in SCATTERS
    )
    differences = wide - narrow
    test = stats.ttest_1samp(differences, 0.0, axis=1)
    called = (test.pvalue <= ALPHA) & (differences.mean(axis=1) > 0)
    return {"bias": float(differences.mean()), "false": float(called.mean())}


def measure(simulations: int) -> dict[str, Any]:
    """Return one row per number of rates and replicates."""
    rows = [
        {
            "rates": rates,
            "n": n,
            "reported": measure_choice(rates, n, False, simulations),
            "own": measure_choice(rates, n, True, simulations),
        }
        for rates in RATES
        for n in SIZES
    ]
    return {"simulations": simulations, "trials": TRIALS, "rows": rows}


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"{figures['simulations']} simulations per cell; bias in standard deviations of the arm "
        "that scatters more:",
        "",
        "| rates | n | bias, reported choose | bias, own choose | false, reported choose | "
        "false, own choose |",
        "|---|---|---|---|---|---|",
    ]
    for row in figures["rows"]:
        cells = [
            f"{row[who][what]:.3f}" for what in ("bias", "false") for who in ("reported", "own")
        ]
        lines.append(f"| {row['rates']} | {row['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(__doc__, measure, to_table, "--simulations", 20_000)
