"""The similarity of representations as tables of texts: every measure, and every view of states."""

from collections.abc import Sequence

import pandas as pd

from polymath.evaluation.similarity_claim import (
    AGREEING,
    STUDY,
    changes_by_tuning,
    excesses_over_null,
)
from polymath.evaluation.statistics import estimate_mean
from polymath.experiment.representation_studies import JUDGED_CENTRING, Centring
from polymath.reporting.figures.layers import MEASURES
from polymath.reporting.tables import drop_constant, format_estimate, format_number

# The view that is judged comes first.
VIEWS: dict[Centring, str] = {
    "position": "position means out",
    "raw": "raw states",
    "token": "token means out",
}
_JUDGED = VIEWS[JUDGED_CENTRING]
_NEEDED = ", ".join(name.upper() for name in AGREEING)
CHANGE_CAPTION = (
    "What fine-tuning changes in the similarity to the in-domain model: (text after − text before) "
    "− (random after − random before), mean over layers from 1 at the same relative depth. The "
    "columns differ in what is taken out of the states first; values before and after are of the "
    f"column “{_JUDGED}”, which alone is judged. A verdict needs {_NEEDED} to agree in sign."
)
SHARED_CAPTION = (
    f"Similarity to the in-domain model, {_JUDGED}, mean over layers from 1 at the same relative "
    "depth; and the 95 % level of its null, in which each token meets one at the same position of "
    "another sequence. What random weights share too is not due to pre-training."
)


def similarity_tables(similarity: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables that are not empty, by their captions."""
    tables = {
        CHANGE_CAPTION: change_table(similarity),
        SHARED_CAPTION: shared_table(similarity),
    }
    return {caption: table for caption, table in tables.items() if len(table)}


def change_table(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return what fine-tuning changes: one row per study and measure, one column per view."""
    rows = []
    for study, of_study in changes_by_tuning(similarity).groupby([*STUDY], sort=False):
        for measure, title in MEASURES.items():
            of_measure = of_study[of_study["measure"] == measure].set_index("centring")
            judged = of_measure.loc[[JUDGED_CENTRING]]
            row = {**dict(zip(STUDY, study, strict=True)), "measure": title}
            for arm in ("text", "random"):
                means = (judged[f"{arm}_{state}"].mean() for state in ("before", "after"))
                row[f"{arm}, before → after"] = " → ".join(map(format_number, means))
            for view, name in VIEWS.items():
                row[f"{name} [95 %]"] = _estimate(of_measure.loc[[view], "number"])
            rows.append({**row, "n": str(len(judged))})
    return _as_table(rows)


def shared_table(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return similarities beside their nulls: one row per study, state and measure."""
    rows = []
    groups = excesses_over_null(similarity).groupby([*STUDY, "state"], sort=False)
    for (*study, state), of_state in groups:
        for measure, title in MEASURES.items():
            of_measure = of_state[of_state["measure"] == measure].set_index("arm")
            row = {**dict(zip(STUDY, study, strict=True)), "fine-tuning": state, "measure": title}
            for arm in ("text", "random"):
                values = of_measure.loc[[arm]]
                row[arm] = format_number(values["value"].mean())
                row[f"{arm}, null"] = format_number(values["null_high"].mean())
            row["text less null [95 %]"] = _estimate(of_measure.loc[["text"], "number"])
            rows.append({**row, "n": str(len(of_measure.loc[["text"]]))})
    return _as_table(rows)


def _estimate(numbers: pd.Series) -> str:
    mean = estimate_mean(numbers.to_numpy())
    return format_estimate(mean.mean, mean.low, mean.high, "+.3f")


def _as_table(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    return drop_constant(pd.DataFrame(rows), STUDY) if rows else pd.DataFrame()
