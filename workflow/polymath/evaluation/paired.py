"""Paired differences of two arms: intervals, tests, effect size, and corrections by family."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from polymath.evaluation.arrays import Floats
from polymath.evaluation.mean_test import detectable_difference, t_test
from polymath.evaluation.statistics import (
    bootstrap_interval,
    estimate_mean,
    hedges_g,
    holm,
    sign_flip_p,
)


def compare_pairs(
    differences: Floats, shared_error: float, shared_df: float, widest: float
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
    differences: Floats, shared_error: float, shared_df: float, widest: float
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


def correct_by_family(table: pd.DataFrame, family: Sequence[str]) -> pd.DataFrame:
    """Return a table with what follows from how many tests each row's family has.

    `tests` is that number, `p_holm` the p after Holm's correction, and `detectable` the
    `detectable_difference` of the row's `error` and `df`.

    Args:
        family: columns in which the rows of one family agree, as `tables` names them; a row whose
            `p` is NaN is no test.
    """
    by_family = table.groupby([*family], sort=False, dropna=False)["p"]
    p_holm = table["p"]
    if len(table):
        p_holm = by_family.transform(lambda p: holm(p.to_numpy(dtype=float)))
    tests = by_family.transform("count")
    columns = zip(table["error"], table["df"], tests, strict=True)
    detectable = [detectable_difference(error, df, count) for error, df, count in columns]
    return table.assign(p_holm=p_holm, tests=tests, detectable=detectable)
