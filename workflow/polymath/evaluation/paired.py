"""Paired differences of two arms: their mean, intervals, tests and effect size."""

import math
from typing import Any

from polymath.evaluation.arrays import Floats
from polymath.evaluation.mean_test import t_test
from polymath.evaluation.statistics import (
    bootstrap_interval,
    estimate_mean,
    hedges_g,
    sign_flip_p,
)


def compare_pairs(
    differences: Floats, shared_error: float = 0.0, shared_df: float = 0, widest: float = math.inf
) -> dict[str, Any]:
    """Return what tables hold of paired differences, by the columns' names, but their mean.

    Beside the tests of `columns_of_tests`, of the same arguments, `effect` is Hedges' g.
    """
    return {
        "n": len(differences),
        **columns_of_tests(differences, shared_error, shared_df, widest),
        **bootstrap_interval(differences).columns("bootstrap"),
        "effect": hedges_g(differences),
        "differences": differences,
    }


def columns_of_tests(
    differences: Floats, shared_error: float = 0.0, shared_df: float = 0, widest: float = math.inf
) -> dict[str, float]:
    """Return the tests of paired differences, by the columns' names.

    `low`, `high` and `p` are of the t test with both variances; `seeds_low` and `seeds_high` are
    Student's interval over replicates alone; `sign_flip_p` is the sensitivity check without a
    distribution, over replicates alone.

    Args:
        differences: (n,) one per pair of replicates.
        shared_error, shared_df: of what all replicates share; see `mean_test.standard_error`.
        widest: the largest difference that two scores can have: intervals are cut there.
    """
    test = t_test(differences, shared_error, shared_df).within(-widest, widest)
    seeds = estimate_mean(differences).within(-widest, widest)
    return {
        "low": test.low,
        "high": test.high,
        "error": test.error,
        "df": test.df,
        "p": test.p,
        "seeds_low": seeds.low,
        "seeds_high": seeds.high,
        "sign_flip_p": sign_flip_p(differences),
    }
