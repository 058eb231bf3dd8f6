"""Families of tests: comparisons whose p values are corrected together."""

from collections.abc import Sequence

import pandas as pd

from polymath.evaluation.statistics import holm
from polymath.experiment.contrasts import FAMILY


def holm_by_family(table: pd.DataFrame, family: Sequence[str] = FAMILY) -> pd.Series:
    """Return the column `p`, corrected by Holm within each family; NaN is no test.

    Args:
        family: columns in which the rows of one family agree.
    """
    if table.empty:
        return table["p"]
    by_family = table.groupby([*family], sort=False, dropna=False)["p"]
    return by_family.transform(lambda p: holm(p.to_numpy(dtype=float)))
