"""Tables as the workflow writes them, of whatever columns."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.util.storage import write_table


def write_rows(table: pd.DataFrame, path: Path) -> None:
    """Write a table with the columns that it has."""
    write_table(table, path, pa.Schema.from_pandas(table, preserve_index=False), {})
