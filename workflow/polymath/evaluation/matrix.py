"""The matrix of all conditions: means, intervals, differences from random weights."""

from collections.abc import Mapping

import pandas as pd

from polymath.evaluation.comparisons import HeadlineScores
from polymath.evaluation.tables import AUC_DIFFERENCE, CONDITION_COLUMNS, MATRIX_SCHEMA
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import SCRATCH


def build_matrix(
    scores: Mapping[Condition, HeadlineScores], estimates: pd.DataFrame, comparisons: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per condition: its estimate, and its comparison with random weights.

    Args:
        scores: what the replicates of each condition share.
        estimates, comparisons: as `compare_scores` returns them.
    """
    keys = [*CONDITION_COLUMNS]
    shared = pd.DataFrame(
        {
            **condition.columns,
            "learning_rate": values.learning_rate,
            "positive": values.positive,
            "items": values.items,
            "chance": values.chance,
        }
        for condition, values in scores.items()
    )
    renamed = {"n": "n_pairs", "low": "difference_low", "high": "difference_high"}
    kept = ["difference", "detectable", *AUC_DIFFERENCE, *renamed.values()]
    differences = comparisons[comparisons["against"] == SCRATCH].rename(columns=renamed)
    table = estimates.merge(shared, on=keys, validate="one_to_one").merge(
        differences[[*keys, *kept]],
        on=keys,
        how="left",
        validate="one_to_one",
    )
    return table[MATRIX_SCHEMA.names].astype(
        {"items": "Int32", "groups": "Int32", "n_pairs": "Int32", "one_class": "Int32"}
    )
