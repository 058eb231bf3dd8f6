"""Scores and curves to evidence: every table that later stages and readers draw on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.evaluation.comparisons import compare_scores, headline_scores, summarise
from polymath.evaluation.convergence import SHARE, measure_convergence, read_chances, read_learning
from polymath.evaluation.effective_data import measure_effective_data
from polymath.evaluation.learned import learned_nothing
from polymath.evaluation.matrix import build_matrix
from polymath.evaluation.predictions import Resampled, read_groups, read_test_predictions
from polymath.evaluation.rate_sensitivity import list_rates, read_choice
from polymath.evaluation.scores import find_curves, require_scored
from polymath.evaluation.tables import (
    COMPARISON_SCHEMA,
    CONDITION_COLUMNS,
    CONVERGENCE_SCHEMA,
    EFFECTIVE_DATA_SCHEMA,
    ESTIMATE_SCHEMA,
    MATRIX_SCHEMA,
    RATE_SCHEMA,
    SUMMARY_SCHEMA,
    VARIANCE_SCHEMA,
)
from polymath.evaluation.variance_components import split_variance
from polymath.experiment import stage_versions as versions
from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import SCRATCH, find_contrasts
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_tables, read_with_metadata, whole_file, write_table


@dataclass(frozen=True)
class EvidenceFiles:
    """Where the tables go: Parquet, and the matrix also as CSV.

    `rates` is for experiments that try several learning rates, `variance` for those that cross
    streams of seeds, `effective_data` for those with several fractions; None elsewhere.
    """

    estimates: Path
    comparisons: Path
    summary: Path
    convergence: Path
    matrix: Path
    matrix_csv: Path
    rates: Path | None = None
    variance: Path | None = None
    effective_data: Path | None = None


def write_evidence(
    scores: Sequence[Path],
    results: ResultPaths,
    lineage: Lineage,
    crossed: Mapping[str, int],
    files: EvidenceFiles,
) -> dict[str, pd.DataFrame]:
    """Write every table of an experiment's evidence; return those written by their field's name.

    Predictions, curves and records are found by the conditions that the scores name.

    Args:
        scores: tables that hold the scores of every condition.
        crossed: how many seeds of each stream are combined.

    Raises:
        PolymathError: if a condition's curves or a task's records are missing.
    """
    require_scored(scores, results)
    tables = _measure(read_tables(scores), results, lineage, crossed, files)
    for name, table in tables.items():
        schema, metadata = _FORMATS[name]
        write_table(table, getattr(files, name), schema, metadata)
    with whole_file(files.matrix_csv) as temporary:
        tables["matrix"].to_csv(temporary, index=False)
    return tables


def _measure(
    all_scores: pd.DataFrame,
    results: ResultPaths,
    lineage: Lineage,
    crossed: Mapping[str, int],
    files: EvidenceFiles,
) -> dict[str, pd.DataFrame]:
    """Return the tables that are asked for by the names of their files' fields."""
    headline = headline_scores(all_scores)
    curve_files = find_curves(headline, results)
    domains = {condition.task: values.domain for condition, values in headline.items()}
    contrasts = find_contrasts(list(headline), domains, lineage)
    curves = {condition: read_with_metadata(path) for condition, path in curve_files.items()}
    groups_of = lru_cache(maxsize=1)(lambda task: read_groups(results.records(task)))

    def resample(condition: Condition) -> Resampled:
        predictions = read_test_predictions(results.predictions(condition))
        return predictions.resample(groups_of(condition.task), headline[condition].positive)

    choices = {
        condition: read_choice(curves[condition.trained][1])
        for condition in headline
        if not condition.is_baseline
    }
    estimates, comparisons = compare_scores(headline, contrasts, resample, choices)
    matrix = build_matrix(headline, estimates, comparisons)
    chances = read_chances(all_scores)
    unlearned = matrix.loc[learned_nothing(matrix), [*CONDITION_COLUMNS]]
    idle = {Condition(*names) for names in unlearned.itertuples(index=False)}
    learning = {
        condition: read_learning(*curve, chances[condition], condition not in idle)
        for condition, curve in curves.items()
    }
    tables = {
        "estimates": estimates,
        "comparisons": comparisons,
        "summary": summarise(contrasts, headline),
        "convergence": measure_convergence(
            learning, [contrast for contrast in contrasts if contrast.condition.is_trained]
        ),
        "matrix": matrix,
    }
    if files.rates:
        tables["rates"] = list_rates(metadata for _, metadata in curves.values())
    if files.variance:
        tables["variance"] = split_variance(all_scores, crossed)
    if files.effective_data:
        tables["effective_data"] = measure_effective_data(headline, contrasts, idle)
    return tables


# Each table's columns and metadata.
_FORMATS: dict[str, tuple[pa.Schema, dict[str, Any]]] = {
    "estimates": (ESTIMATE_SCHEMA, {"code_version": versions.COMPARISONS}),
    "comparisons": (COMPARISON_SCHEMA, {"code_version": versions.COMPARISONS}),
    "summary": (SUMMARY_SCHEMA, {"code_version": versions.COMPARISONS}),
    "convergence": (CONVERGENCE_SCHEMA, {"code_version": versions.CONVERGENCE, "share": SHARE}),
    "matrix": (MATRIX_SCHEMA, {"code_version": versions.MATRIX, "baseline": SCRATCH}),
    "rates": (RATE_SCHEMA, {"code_version": versions.SENSITIVITY}),
    "variance": (VARIANCE_SCHEMA, {"code_version": versions.VARIANCE}),
    "effective_data": (EFFECTIVE_DATA_SCHEMA, {"code_version": versions.EFFECTIVE_DATA}),
}
