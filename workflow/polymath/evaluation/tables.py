"""The tables that a condition leaves behind, whatever made it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.experiment.conditions import Condition
from polymath.util.storage import read_metadata, read_table, write_table

CURVE_SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("step", pa.int32()),
        ("examples", pa.int64()),
        ("train_loss", pa.float64()),
        ("dev_score", pa.float64()),
        ("seconds", pa.float64()),
    ]
)


def prediction_schema(task_type: str) -> pa.Schema:
    """Columns of the predictions table: one dev or test row; logits has one value a class."""
    return pa.schema(
        [
            ("replicate", pa.int32()),
            ("split", pa.string()),
            ("id", pa.string()),
            ("item", pa.string()),
            ("label", pa.string() if task_type == "classification" else pa.float64()),
            ("logits", pa.list_(pa.float32())),
        ]
    )


def condition_of(table: Path) -> Condition:
    """Return the condition that left a table of predictions or curves."""
    metadata = read_metadata(table)
    return Condition(*(metadata[name] for name in Condition.__dataclass_fields__))


# One row a probe of a replicate before training; see `training.probe`.
PROBE_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "model", "init", "mapping")),
        ("replicate", pa.int32()),
        ("probe", pa.string()),
        ("value", pa.float64()),
    ]
)


# One row a measure, or two attention heads, of a pair of layers; see `training.compare`.
SIDES = [
    (f"{name}_{side}", kind)
    for side in ("a", "b")
    for name, kind in (("model", pa.string()), ("init", pa.string()), ("replicate", pa.int32()))
]
PAIR = [
    ("task", pa.string()),
    ("mapping", pa.string()),
    ("pair", pa.string()),
    *SIDES,
    ("state", pa.string()),
    ("layer_a", pa.int32()),
    ("layer_b", pa.int32()),
]
SIMILARITY_SCHEMA = pa.schema(
    [
        *PAIR,
        ("measure", pa.string()),
        *((name, pa.float64()) for name in ("value", "low", "high", "null_high", "p")),
        ("tokens", pa.int64()),
    ]
)
HEADS_SCHEMA = pa.schema(
    [
        *PAIR,
        ("head_a", pa.int32()),
        ("head_b", pa.int32()),
        ("distance", pa.float64()),
        ("tokens", pa.int64()),
    ]
)


def collect_tables(paths: list[Path], schema: pa.Schema, table: Path) -> pd.DataFrame:
    """Write the tables of several jobs as one, with the metadata of each; return it."""
    whole = pd.concat([read_table(path) for path in paths], ignore_index=True)
    write_table(whole, table, schema, {"parts": [read_metadata(path) for path in paths]})
    return whole
