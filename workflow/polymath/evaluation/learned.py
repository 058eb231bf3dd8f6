"""Whether an arm learned anything: its test scores against chance level, whatever the threshold."""

import pandas as pd

from polymath.evaluation.ranking import RANKS_NOTHING


def reach_chance(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows of the matrix have an interval that reaches chance level.

    A single replicate has no interval, and reaches nothing.
    """
    return matrix["low"].round(6) <= matrix["chance"].round(6)  # equal but for rounding


def rank_items_well(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows rank items better than chance does: the interval of AUC is above 0.5.

    Without AUC, as of values and of older runs, none is known to.
    """
    if "auc_low" not in matrix:
        return pd.Series(False, index=matrix.index)
    return matrix["auc_low"] > RANKS_NOTHING


def learned_nothing(matrix: pd.DataFrame) -> pd.Series:
    """Return which rows show little or nothing learned: neither the score nor AUC leaves chance."""
    return reach_chance(matrix) & ~rank_items_well(matrix)
