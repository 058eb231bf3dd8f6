"""The columns of every table of results, and what reads and joins the tables of conditions."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.experiment.conditions import Condition
from polymath.experiment.contrasts import CONTRAST_COLUMNS
from polymath.util.seeds import VARIED
from polymath.util.storage import read_metadata, read_with_metadata, write_table

CONDITION_COLUMNS = tuple(Condition.__dataclass_fields__)

# A family of tests is one question about the same models, fraction and recipe: its members are
# tasks, under whatever mapping. Their p values are corrected together. A claim's question is also
# which claim it is, and of initialisations it has one.
FAMILY = ("against", "model", "init", "reference_model", "fraction", "recipe")
CLAIM_FAMILY = ("claim", "model", "reference", "fraction", "recipe")

Columns = list[tuple[str, pa.DataType]]


def _strings(*names: str) -> Columns:
    return [(name, pa.string()) for name in names]


def _integers(*names: str) -> Columns:
    return [(name, pa.int32()) for name in names]


def _floats(*names: str) -> Columns:
    return [(name, pa.float64()) for name in names]


# Of a condition's folder.

CURVE_SCHEMA = pa.schema(
    [
        *_integers("replicate", "step"),
        ("examples", pa.int64()),
        *_floats("train_loss", "dev_score", "seconds"),
    ]
)


def prediction_schema(task_type: str) -> pa.Schema:
    """Return the columns of predictions: one row per dev or test row, one logit per class."""
    return pa.schema(
        [
            *_integers("replicate"),
            *_strings("split", "id", "item"),
            ("label", pa.string() if task_type == "classification" else pa.float64()),
            ("logits", pa.list_(pa.float32())),
        ]
    )


# Of all conditions: one row per condition, replicate, split and metric; see `evaluation.scores`.
SCORE_SCHEMA = pa.schema(
    [
        *_strings(*CONDITION_COLUMNS, "domain"),
        *_integers("replicate"),
        *_strings("split", "metric"),
        ("headline", pa.bool_()),
        *_integers("items"),
        *_floats("value", "chance"),
        *_integers("diverged_at"),
        *_floats("learning_rate"),
        *_integers(*(f"{stream}_seed" for stream in VARIED)),
    ]
)

# One row per condition.
INTERVALS = ("low", "high", "bootstrap_low", "bootstrap_high", "items_low", "items_high")
ESTIMATE_SCHEMA = pa.schema(
    [
        *_strings(*CONDITION_COLUMNS, "domain", "metric"),
        *_integers("n", "diverged"),
        *_floats("mean", "deviation", *INTERVALS),
    ]
)
MATRIX_SCHEMA = pa.schema(
    [
        *_strings("task", "domain", *CONDITION_COLUMNS[1:]),
        *_floats("learning_rate"),
        *_strings("metric"),
        *_integers("items"),
        *_floats("chance"),
        *_integers("n", "diverged"),
        *_floats("mean", "low", "high"),
        *_integers("n_pairs"),
        *_floats("difference", "difference_low", "difference_high"),
    ]
)

# One row per contrast.
COMPARISON_SCHEMA = pa.schema(
    [
        *_strings(*CONTRAST_COLUMNS, "metric"),
        *_integers("n", "diverged"),
        *_floats("mean", "reference_mean", "chance", "difference"),
        *_floats(*INTERVALS, "p", "p_holm", "effect"),
        ("differences", pa.list_(pa.float64())),
    ]
)
CONVERGENCE_SCHEMA = pa.schema(
    [
        *_strings(*CONTRAST_COLUMNS, "metric"),
        *_integers("n", "reached", "reference_reached"),
        *_floats("target", "budget", "median", "reference_median"),
        *_floats("examples", "reference_examples", "speed_up", "speed_up_low", "speed_up_high"),
        *_floats("saved", "low", "high", "bootstrap_low", "bootstrap_high"),
        *_floats("p", "p_holm", "effect"),
        *_floats("seconds", "reference_seconds"),
        *_floats("seconds_ratio", "seconds_ratio_low", "seconds_ratio_high"),
        *_floats("area", "reference_area", "area_gain", "area_gain_low", "area_gain_high"),
        ("differences", pa.list_(pa.float64())),
    ]
)

# One row per family of contrasts.
SUMMARY_SCHEMA = pa.schema(
    [
        *_strings(*FAMILY),
        *_integers("tasks", "rows", "runs"),
        *_floats("iqm", "reference_iqm", "gain", "gain_low", "gain_high"),
        *_floats("improvement", "improvement_low", "improvement_high"),
    ]
)

# One row per condition and learning rate. At the edge, the rate chosen is the lowest or highest
# that was tried: a better one may lie beyond.
RATE_SCHEMA = pa.schema(
    [
        *_strings(*CONDITION_COLUMNS, "domain", "metric"),
        *_floats("learning_rate"),
        *_integers("n", "diverged"),
        *_floats("mean", "low", "high"),
        ("chosen", pa.bool_()),
        ("at_edge", pa.bool_()),
    ]
)

# One row per condition and stream of seeds.
VARIANCE_SCHEMA = pa.schema(
    [
        *_strings(*CONDITION_COLUMNS, "domain", "metric", "stream"),
        *_integers("levels", "n"),
        *_floats("variance", "deviation", "p", "ratio_low", "ratio_high"),
    ]
)

# One row per claim and what it is judged by.
CLAIM_COLUMNS = ("claim", "task", "domain", "model", "mapping", "fraction", "recipe", "reference")
CLAIM_SCHEMA = pa.schema(
    [
        *_strings(*CLAIM_COLUMNS, "verdict", "reason"),
        *_floats("value", "low", "high", "items_low", "items_high"),
        *_integers("n", "needed", "tests"),
        *_floats("margin", "p", "p_holm"),
    ]
)

# One row per probe of a replicate before training; see `analysis.trainability`.
PROBE_SCHEMA = pa.schema(
    [
        *_strings("task", "model", "init", "mapping"),
        *_integers("replicate"),
        *_strings("probe"),
        *_floats("value"),
    ]
)

# One row per measure, or per two attention heads, of two layers; see `analysis.representations`.
_MODELS = [
    *_strings("task", "mapping", "pair"),
    *_strings("model_a", "init_a"), *_integers("replicate_a"),
    *_strings("model_b", "init_b"), *_integers("replicate_b"),
    *_strings("state"),
    *_integers("layer_a", "layer_b"),
]  # fmt: skip
SIMILARITY_SCHEMA = pa.schema(
    [
        *_MODELS,
        *_strings("measure"),
        *_floats("value", "low", "high", "null_high", "p"),
        ("tokens", pa.int64()),
    ]
)
HEADS_SCHEMA = pa.schema(
    [*_MODELS, *_integers("head_a", "head_b"), *_floats("distance"), ("tokens", pa.int64())]
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
