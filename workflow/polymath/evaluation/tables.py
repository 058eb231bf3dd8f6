"""The columns of every table of results, and what reads and joins the tables of conditions."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import CONTRAST_COLUMNS
from polymath.util.seeds import VARIED
from polymath.util.storage import read_metadata, read_with_metadata, write_table

CONDITION_COLUMNS = tuple(Condition.__dataclass_fields__)

# A family of tests is one question about the same models, fraction and recipe: its members are
# tasks, under whatever mapping. Their p values are corrected together. A claim's question is which
# claim it is: all its tasks are one family, whatever their recipes and their in-domain models.
FAMILY = ("against", "model", "init", "reference_model", "fraction", "recipe")
CLAIM_FAMILY = ("claim", "model", "fraction")

TEXT, FLAG = pa.string(), pa.bool_()
INTEGER, LONG, FLOAT = pa.int32(), pa.int64(), pa.float64()
FLOATS = pa.list_(FLOAT)


def _schema(*groups: tuple[Any, ...]) -> pa.Schema:
    """Return a schema from groups of a type and the names of the columns that have it, in order."""
    return pa.schema([(name, kind) for kind, *names in groups for name in names])


# Of a condition's folder.

CURVE_SCHEMA = _schema(
    (INTEGER, "replicate", "step"),
    (LONG, "examples"),
    (FLOAT, "train_loss", "dev_score", "seconds"),
)


def prediction_schema(task_type: str) -> pa.Schema:
    """Return the columns of predictions: one row per dev or test row, one logit per class."""
    return _schema(
        (INTEGER, "replicate"),
        (TEXT, "split", "id", "item"),
        (FLOAT if task_type == "regression" else TEXT, "label"),
        (pa.list_(pa.float32()), "logits"),
    )


# Of all conditions: one row per condition, replicate, split and metric; see `evaluation.scores`.
# `positive` is the class that F1, AUC and average precision are of, empty unless there are two;
# `answers` counts the classes, or sets of labels, that were predicted at least once.
SCORE_SCHEMA = _schema(
    (TEXT, *CONDITION_COLUMNS, "domain"),
    (INTEGER, "replicate"),
    (TEXT, "split", "metric"),
    (FLAG, "headline"),
    (TEXT, "positive"),
    (INTEGER, "items", "answers"),
    (FLOAT, "value", "chance"),
    (INTEGER, "diverged_at"),
    (FLOAT, "learning_rate"),
    (INTEGER, *(f"{stream}_seed" for stream in VARIED)),
)

# One row per condition. `groups` counts what the item bootstrap draws: groups of items.
# `combined_low` is the lower end of the interval over replicates and items together. `one_class`
# counts the replicates that predict one class only.
AUC = ("auc", "auc_low", "auc_high")
AUC_DIFFERENCE = ("auc_difference", "auc_difference_low", "auc_difference_high")
COMBINED = ("combined_low", "auc_combined_low")
INTERVALS = ("low", "high", "bootstrap_low", "bootstrap_high", "items_low", "items_high")
ESTIMATE_SCHEMA = _schema(
    (TEXT, *CONDITION_COLUMNS, "domain", "metric"),
    (INTEGER, "n", "diverged", "groups"),
    (FLOAT, "mean", "deviation", *INTERVALS, *AUC, *COMBINED),
    (INTEGER, "one_class"),
)
MATRIX_SCHEMA = _schema(
    (TEXT, "task", "domain", *CONDITION_COLUMNS[1:]),
    (FLOAT, "learning_rate"),
    (TEXT, "metric", "positive"),
    (INTEGER, "items", "groups"),
    (FLOAT, "chance"),
    (INTEGER, "n", "diverged"),
    (FLOAT, "mean", "low", "high"),
    (INTEGER, "n_pairs"),
    (FLOAT, "difference", "difference_low", "difference_high", "detectable", *AUC),
    (FLOAT, *AUC_DIFFERENCE, *COMBINED),
    (INTEGER, "one_class"),
)

# One row per contrast. `low` and `high` are the interval of the test, over replicates and items
# together; `seeds_` and `items_` bound what each of the two alone leaves open. `qualifier` is what
# a verdict must be read with; see `rate_sensitivity`.
TEST = ("error", "df", "p", "p_holm", "sign_flip_p", "detectable", "effect")
COMPARISON_SCHEMA = _schema(
    (TEXT, *CONTRAST_COLUMNS, "metric", "qualifier"),
    (INTEGER, "n", "diverged", "items", "groups"),
    (FLOAT, "mean", "reference_mean", "chance", "difference", "low", "high"),
    (FLOAT, "seeds_low", "seeds_high", *INTERVALS[2:], "items_error", *TEST),
    (FLOAT, "domain_gain_low"),
    (FLOAT, "auc", "reference_auc", *AUC_DIFFERENCE),
    (FLOATS, "differences"),
)
CONVERGENCE_SCHEMA = _schema(
    (TEXT, *CONTRAST_COLUMNS, "metric", "qualifier"),
    (INTEGER, "n"),
    (FLOAT, "own_target", "reference_own_target", "own_time", "reference_own_time"),
    (FLOAT, "lead", "low", "high", "bootstrap_low", "bootstrap_high", "target_error", *TEST),
    (INTEGER, "reached", "reference_reached"),
    (FLOAT, "target", "budget", "median", "reference_median"),
    (FLOAT, "examples", "reference_examples", "speed_up", "speed_up_low", "speed_up_high"),
    (FLOAT, "saved", "saved_low", "saved_high"),
    (FLOAT, "seconds", "reference_seconds"),
    (FLOAT, "seconds_ratio", "seconds_ratio_low", "seconds_ratio_high"),
    (FLOAT, "area", "reference_area", "area_gain", "area_gain_low", "area_gain_high"),
    (FLOATS, "differences"),
)

# One row per family of contrasts.
SUMMARY_SCHEMA = _schema(
    (TEXT, *FAMILY),
    (INTEGER, "tasks", "rows", "runs"),
    (FLOAT, "iqm", "reference_iqm", "gain", "gain_low", "gain_high"),
    (FLOAT, "improvement", "improvement_low", "improvement_high"),
)

# One row per condition and learning rate. At the edge, the rate chosen is the lowest or highest
# that was tried: a better one may lie beyond.
RATE_SCHEMA = _schema(
    (TEXT, *CONDITION_COLUMNS, "domain", "metric"),
    (FLOAT, "learning_rate"),
    (INTEGER, "n", "diverged"),
    (FLOAT, "mean", "low", "high"),
    (FLAG, "chosen", "at_edge"),
)

# One row per condition and stream of seeds.
VARIANCE_SCHEMA = _schema(
    (TEXT, *CONDITION_COLUMNS, "domain", "metric", "stream"),
    (INTEGER, "levels", "n"),
    (FLOAT, "variance", "deviation", "p", "ratio_low", "ratio_high"),
)

# One row per contrast with random weights that were trained on several fractions. The multiplier is
# between `lowest` and `highest`, which these fractions can show; `bound` says where it is one of
# them, or 1, because it could not be measured.
EFFECTIVE_DATA_SCHEMA = _schema(
    (TEXT, *CONTRAST_COLUMNS, "metric"),
    (INTEGER, "n", "diverged"),
    (FLOAT, "mean", "reference_mean", "chance"),
    (FLOAT, "multiplier", "multiplier_low", "multiplier_high"),
    (TEXT, "bound"),
    (FLOAT, "lowest", "highest"),
)

# One row per claim and what it is judged by.
CLAIM_COLUMNS = ("claim", "task", "domain", "model", "mapping", "fraction", "recipe", "reference")
FAMILY_VERDICT_COLUMNS = ("claim", "model", "mapping", "fraction", "recipe", "reference")
CLAIM_SCHEMA = _schema(
    (TEXT, *CLAIM_COLUMNS, "verdict", "qualifier", "reason"),
    (FLOAT, "value", "low", "high", "seeds_low", "seeds_high", "items_low", "items_high"),
    (INTEGER, "n", "items", "groups", "tests", "looks"),
    (FLOAT, "shared_error", "shared_df", *TEST[:-1], *AUC_DIFFERENCE),
    (FLOATS, "differences"),
)

# One row per claim, model and data fraction: all its tasks together. `iqm` is the interquartile
# mean of all paired differences, on the scale that `family_verdicts` states.
FAMILY_VERDICT_SCHEMA = _schema(
    (TEXT, *FAMILY_VERDICT_COLUMNS, "verdict", "qualifier", "reason"),
    (INTEGER, "tasks", "pairs", "looks"),
    (FLOAT, "p", "iqm", "iqm_low", "iqm_high"),
    (TEXT, "members", "left_out"),
)

# One row per probe of a replicate before training; see `analysis.trainability`.
PROBE_SCHEMA = _schema(
    (TEXT, "task", "model", "init", "mapping"),
    (INTEGER, "replicate"),
    (TEXT, "probe"),
    (FLOAT, "value"),
)

# One row per measure, or per two attention heads, of two layers; see `analysis.representations`.
# Matched layers are at the same relative depth.
_LAYERS = (
    (TEXT, "task", "mapping", "pair"),
    (TEXT, "model_a", "init_a"),
    (INTEGER, "replicate_a"),
    (TEXT, "model_b", "init_b"),
    (INTEGER, "replicate_b"),
    (TEXT, "state"),
    (INTEGER, "layer_a", "layer_b"),
)
SIMILARITY_SCHEMA = _schema(
    *_LAYERS,
    (FLAG, "matched"),
    (TEXT, "centring", "measure"),
    (FLOAT, "value", "low", "high", "null_high", "p"),
    (LONG, "tokens"),
)
HEADS_SCHEMA = _schema(
    *_LAYERS, (INTEGER, "head_a", "head_b"), (FLOAT, "distance"), (LONG, "tokens")
)


def condition_of(table: Path) -> Condition:
    """Return the condition that left a table of predictions or curves."""
    metadata = read_metadata(table)
    return Condition(*(metadata[name] for name in CONDITION_COLUMNS))


def collect_tables(paths: list[Path], schema: pa.Schema, table: Path) -> pd.DataFrame:
    """Write the tables of several jobs as one, with the metadata of each; return it."""
    tables, metadata = zip(*map(read_with_metadata, paths), strict=True)
    joined = pd.concat(tables, ignore_index=True)
    write_table(joined, table, schema, {"parts": metadata})
    return joined
