"""Whether an arm learned anything: its test scores against chance level, whatever the threshold.

Judged over seeds and test items together: by seeds alone, a score that is above chance on these
items by luck stays above it with every seed.
"""

import pandas as pd

from polymath.evaluation.ranking import RANKS_NOTHING


def reach_chance(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows of the matrix have an interval that reaches chance level.

    A single replicate has no interval, and reaches nothing.
    """
    low = _lower_end(matrix, "combined_low", "low")
    return low.round(6) <= matrix["chance"].round(6)  # equal but for rounding


def rank_items_well(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows rank items better than chance does: the interval of AUC is above 0.5.

    Without AUC, as of values and of older runs, none is known to.
    """
    if "auc_low" not in matrix:
        return pd.Series(False, index=matrix.index)
    return _lower_end(matrix, "auc_combined_low", "auc_low") > RANKS_NOTHING


def _lower_end(matrix: pd.DataFrame, combined: str, seeds: str) -> pd.Series:
    """Return an interval's lower end; tables of older runs have that over seeds alone."""
    return matrix[combined if combined in matrix else seeds]


def learned_nothing(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows show little or nothing learned: neither the score nor AUC leaves chance."""
    return reach_chance(matrix) & ~rank_items_well(matrix)
