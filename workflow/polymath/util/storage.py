"""Files that appear under their final name only when complete, in JSON and Parquet."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

METADATA_KEY = b"polymath"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Return a 16-digit hexadecimal digest of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_json(value: Any, path: Path) -> None:
    """Write a JSON value, indented and with sorted keys."""
    with whole_file(path) as temporary:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(
    table: pd.DataFrame, path: Path, schema: pa.Schema, metadata: Mapping[str, Any]
) -> None:
    """Write a typed Parquet table whose schema carries `metadata` as JSON.

    Raises:
        pyarrow.ArrowInvalid: if a column does not fit the schema.
    """
    arrow = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    text = json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False)
    arrow = arrow.replace_schema_metadata({METADATA_KEY: text.encode()})
    with whole_file(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_with_metadata(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a Parquet file and the metadata that `write_table` stored in it.

    Columns are those of the file, without any from Hive folder names.
    """
    table = pq.read_table(path, partitioning=None)
    return table.to_pandas(), _parse_metadata(table.schema)


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet file without its metadata."""
    return read_with_metadata(path)[0]


def read_tables(paths: Iterable[Path]) -> pd.DataFrame:
    """Read several Parquet files of the same columns as one table."""
    return pd.concat(map(read_table, paths), ignore_index=True)


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata that `write_table` stored, without the rows."""
    return _parse_metadata(pq.read_schema(path))


def _parse_metadata(schema: pa.Schema) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    return metadata
