"""Families of tests: rows whose p values are corrected together; `tables` says which."""

from collections.abc import Sequence

import pandas as pd

from polymath.evaluation.statistics import holm


def holm_by_family(table: pd.DataFrame, family: Sequence[str]) -> pd.Series:
    """Return the column `p`, corrected by Holm within each family; NaN is no test.

    Args:
        family: columns in which the rows of one family agree.
    """
    if table.empty:
        return table["p"]
    return _by_family(table, family).transform(lambda p: holm(p.to_numpy(dtype=float)))


def count_tests(table: pd.DataFrame, family: Sequence[str]) -> pd.Series:
    """Return for each row how many tests its family has."""
    return _by_family(table, family).transform("count")


def _by_family(table: pd.DataFrame, family: Sequence[str]) -> "pd.api.typing.SeriesGroupBy":
    return table.groupby([*family], sort=False, dropna=False)["p"]
