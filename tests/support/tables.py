"""Tables as the workflow writes them: of named columns, or of whatever columns."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.evaluation import tables
from polymath.util.storage import write_table

SCHEMAS: dict[str, pa.Schema] = {
    "claims": tables.CLAIM_SCHEMA,
    "comparisons": tables.COMPARISON_SCHEMA,
    "convergence": tables.CONVERGENCE_SCHEMA,
    "effective_data": tables.EFFECTIVE_DATA_SCHEMA,
    "estimates": tables.ESTIMATE_SCHEMA,
    "families": tables.FAMILY_VERDICT_SCHEMA,
    "heads": tables.HEADS_SCHEMA,
    "matrix": tables.MATRIX_SCHEMA,
    "probes": tables.PROBE_SCHEMA,
    "rates": tables.RATE_SCHEMA,
    "scores": tables.SCORE_SCHEMA,
    "similarity": tables.SIMILARITY_SCHEMA,
    "summary": tables.SUMMARY_SCHEMA,
    "variance": tables.VARIANCE_SCHEMA,
}


def table(rows: Iterable[dict[str, Any]], name: str) -> pd.DataFrame:
    """Return rows as a table of the columns that go by a name."""
    schema = SCHEMAS[name]
    lists = [field.name for field in schema if pa.types.is_list(field.type)]
    return pd.DataFrame([*rows], columns=schema.names).astype(dict.fromkeys(lists, object))


def typed(rows: Iterable[dict[str, Any]], name: str) -> pd.DataFrame:
    """Return rows as a table of a name's columns and types."""
    schema = SCHEMAS[name]
    return pa.Table.from_pandas(table(rows, name), schema, preserve_index=False).to_pandas()


def write(
    rows: Iterable[dict[str, Any]], name: str, folder: Path, metadata: dict[str, Any] | None = None
) -> Path:
    """Write rows as the table of a name; return its file."""
    path = folder / f"{name}.parquet"
    write_table(table(rows, name), path, SCHEMAS[name], metadata or {})
    return path


def write_rows(table: pd.DataFrame, path: Path) -> None:
    """Write a table with the columns that it has."""
    write_table(table, path, pa.Schema.from_pandas(table, preserve_index=False), {})
