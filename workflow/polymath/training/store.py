"""Finished replicates, kept outside the workflow's declared outputs so that none is retrained.

Snakemake deletes a job's outputs before it runs again. The store lies hidden in the
condition's folder: asking for more replicates trains only the missing ones, an interrupted
job loses only the replicate it was at, and deleting the folder forgets everything.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.files import read_table, write_table

FOLDER = ".replicates"

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


@dataclass(frozen=True)
class Replicate:
    """What one replicate leaves behind."""

    predictions: pd.DataFrame
    curve: pd.DataFrame


@dataclass(frozen=True)
class ReplicateStore:
    """Replicates by number and by a digest of everything that determines their result."""

    folder: Path
    task_type: str

    def _paths(self, replicate: int, digest: str) -> tuple[Path, Path]:
        stem = f"{replicate}-{digest}"
        folder = self.folder / FOLDER
        return folder / f"{stem}.predictions.parquet", folder / f"{stem}.curve.parquet"

    def find(self, replicate: int, digest: str) -> Replicate | None:
        """Return a finished replicate, or None."""
        predictions, curve = self._paths(replicate, digest)
        if not predictions.is_file() or not curve.is_file():
            return None
        return Replicate(read_table(predictions), read_table(curve))

    def save(self, replicate: int, digest: str, result: Replicate) -> None:
        """Keep a finished replicate."""
        predictions, curve = self._paths(replicate, digest)
        write_table(result.curve, curve, CURVE_SCHEMA, {})
        write_table(result.predictions, predictions, prediction_schema(self.task_type), {})
