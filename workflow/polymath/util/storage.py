"""Files that appear under their final name only when complete, in JSON and Parquet.

A Parquet table is sealed: it holds a SHA-256 of all its bytes, checked whenever it is read. So are
the results in JSON, by a digest of their value.
Parquet's page checksums, which other programs verify, leave out names, types and metadata.
"""

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymath.util.errors import DamagedError, PolymathError, first_line

if TYPE_CHECKING:  # the workflow is planned without them
    import pandas as pd
    import pyarrow as pa

MADE_FROM = "made_from"
COMPANION_SHA256 = "companion_sha256"  # of the file that was written with a table
METADATA_KEY, SEAL_KEY = b"polymath", b"polymath-seal"
# The digest is that of the file with zeros in its place.
UNSEALED = b"sha256:" + b"0" * 64
SEAL = re.compile(rb"sha256:[0-9a-f]{64}")
JSON_SEAL = "polymath_seal"


_made_from: ContextVar[Mapping[str, Any] | None] = ContextVar("made_from", default=None)


@contextmanager
def made_from(description: Mapping[str, Any]) -> Iterator[None]:
    """Let the tables and manifests that the block writes state what they are made from, as
    `identity.describe` returns it.
    """
    token = _made_from.set(description)
    try:
        yield
    finally:
        _made_from.reset(token)


def with_made_from(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with what the present job's results are made from, if it is known."""
    description = _made_from.get()
    return dict(metadata) if description is None else {**metadata, MADE_FROM: description}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    Bytes reach the disk before the name does: after a power cut the file is whole, or not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """Return what the user takes from the mode of new files; asking means setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without it
            raise
    finally:
        os.close(handle)


def set_aside_as(result: Path) -> Path:
    """Return where a damaged result is kept."""
    return result.with_name(f"{result.name}.damaged")


def set_aside(error: DamagedError) -> str:
    """Rename a damaged result, so that the next run makes it again; return a message."""
    aside = set_aside_as(error.result)
    try:
        error.result.replace(aside)
    except OSError:  # gone already, or a folder that may not be written
        return str(error)
    return f"{error.problem}: {aside} is kept; run the same command again to make it again"


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


def write_sealed_json(value: Mapping[str, Any], path: Path) -> None:
    """Write a JSON object with a digest of itself, which `read_json` checks and leaves out."""
    plain = json.loads(json.dumps(value))
    write_json({**plain, JSON_SEAL: digest_of(plain)}, path)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        PolymathError: if it is missing.
        DamagedError: if it is not JSON, or sealed and not as it was written.
    """
    try:
        value = json.loads(_read(path).decode())
    except (ValueError, RecursionError) as error:  # of the text or of its encoding
        raise DamagedError(path, str(error)) from None
    seal = value.pop(JSON_SEAL, None) if isinstance(value, dict) else None
    if seal is not None and seal != digest_of(value):
        raise DamagedError(path, "its checksum does not match")
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None


def _missing(path: Path) -> PolymathError:
    return PolymathError(f"{path} is missing: run the same command again to make it")


def write_table(
    table: "pd.DataFrame", path: Path, schema: "pa.Schema", metadata: Mapping[str, Any]
) -> None:
    """Write a typed Parquet table whose schema carries `metadata` as JSON.

    Raises:
        pyarrow.ArrowInvalid: if a column does not fit the schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    text = json.dumps(with_made_from(metadata), sort_keys=True, ensure_ascii=False)
    arrow = arrow.replace_schema_metadata({METADATA_KEY: text.encode(), SEAL_KEY: UNSEALED})
    with whole_file(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd", write_page_checksum=True)
        temporary.write_bytes(_seal(temporary.read_bytes()))


def _seal(content: bytes) -> bytes:
    """Put the digest of a table's bytes in their place."""
    start = content.rindex(UNSEALED)
    digest = b"sha256:" + hashlib.sha256(content).hexdigest().encode()
    return content[:start] + digest + content[start + len(digest) :]


def _require_seal(path: Path, content: bytes) -> None:
    seals = [*SEAL.finditer(content)][-1:]
    if not seals:
        raise DamagedError(path, "cut, altered, or not written by this version")
    start, end = seals[0].span()
    if _seal(content[:start] + UNSEALED + content[end:]) != content:
        raise DamagedError(path, "its checksum does not match")


def read_with_metadata(path: Path) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Read a Parquet file and the metadata that `write_table` stored in it.

    Columns are those of the file, without any from Hive folder names.

    Raises:
        PolymathError: if it is missing.
        DamagedError: if a byte is not as it was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = _read(path)
    _require_seal(path, content)
    table = pq.read_table(pa.BufferReader(content))
    return table.to_pandas(), _parse_metadata(table.schema)


def read_table(path: Path) -> "pd.DataFrame":
    """Read a Parquet file without its metadata."""
    return read_with_metadata(path)[0]


def read_tables(paths: Iterable[Path]) -> "pd.DataFrame":
    """Read several Parquet files of the same columns as one table."""
    import pandas as pd

    return pd.concat(map(read_table, paths), ignore_index=True)


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata that `write_table` stored, without the rows and without checking them.

    Raises:
        PolymathError: if it is missing.
        DamagedError: if it is no table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _parse_metadata(pq.read_schema(path))
    except FileNotFoundError:
        raise _missing(path) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the machine: the file may be whole
        raise DamagedError(path, first_line(error)) from None


def _parse_metadata(schema: "pa.Schema") -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    return metadata
