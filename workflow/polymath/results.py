"""The tables that a condition leaves behind, whatever made it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.conditions import Condition
from polymath.files import read_metadata, read_table, write_table

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


def collect_tables(paths: list[Path], schema: pa.Schema, table: Path) -> pd.DataFrame:
    """Write the tables of several jobs as one, with the metadata of each; return it."""
    whole = pd.concat([read_table(path) for path in paths], ignore_index=True)
    write_table(whole, table, schema, {"parts": [read_metadata(path) for path in paths]})
    return whole
