"""Families of tests: rows whose p values are corrected together; `tables` says which."""

from collections.abc import Sequence

import pandas as pd

from polymath.evaluation.mean_test import detectable_difference
from polymath.evaluation.statistics import holm


def correct_by_family(table: pd.DataFrame, family: Sequence[str]) -> pd.DataFrame:
    """Return a table with what follows from how many tests each row's family has.

    `tests` is that number, `p_holm` the p after Holm's correction, and `detectable` the
    `detectable_difference` of the row's `error` and `df`.

    Args:
        family: columns in which the rows of one family agree; a row whose `p` is NaN is no test.
    """
    by_family = table.groupby([*family], sort=False, dropna=False)["p"]
    p_holm = table["p"]
    if len(table):
        p_holm = by_family.transform(lambda p: holm(p.to_numpy(dtype=float)))
    tests = by_family.transform("count")
    columns = zip(table["error"], table["df"], tests, strict=True)
    detectable = [detectable_difference(error, df, count) for error, df, count in columns]
    return table.assign(p_holm=p_holm, tests=tests, detectable=detectable)
