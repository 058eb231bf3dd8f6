"""What a result is made from, as its own file states it, compared with what is asked for.

Each table stores, under `made_from`, the parameters of the job that wrote it, including its stage's
code version, and the identities of the job's input files. The identity of a table is a digest of
what it is made from; of a manifest, a digest of the files that it lists; of any other file, a
digest of its bytes. So a result can be checked against the configuration, regardless of its date
or origin.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polymath.util.errors import DamagedError, PolymathError
from polymath.util.job_log import job_log
from polymath.util.storage import (
    MADE_FROM,
    digest_of,
    made_from,
    read_json,
    read_metadata,
    sha256_of,
)

# A rule's parameters that determine its results; others are where files lie, or what they show.
# A fetched source is described in its manifest, and may name a secret in its address.
DETERMINING = ("job", "metric", "lineage", "crossed", "code_version")


@contextmanager
def workflow_job(snakemake: Any, title: str) -> Iterator[None]:
    """Run one workflow job: log it, and let what it writes state what it is made from."""
    with job_log(snakemake.log[0], title):
        params = dict(snakemake.params.items())
        asked = {name: params[name] for name in DETERMINING if name in params}
        with made_from(describe(asked, dict(snakemake.input.items()))):
            yield


def describe(asked: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result is made from.

    Args:
        asked: the parameters that determine it.
        inputs: by name, the path of a file, or several.
    """
    identities = {name: identity_of(*paths_in(files)) for name, files in inputs.items() if files}
    value: dict[str, Any] = json.loads(json.dumps({"asked": asked, "inputs": identities}))
    return value


def paths_in(files: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the paths of a job's input, be it one file or several."""
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]


def identity_of(*paths: Path) -> str:
    """Return a digest of what files are made from or, where they do not state it, contain.

    Raises:
        PolymathError: if a file is missing or damaged.
    """
    return join_identities([_identity(path) for path in paths])


def join_identities(identities: list[str]) -> str:
    """Return the identity of a job's input, which is one file or several."""
    return identities[0] if len(identities) == 1 else digest_of(identities)


def _identity(path: Path) -> str:
    if path.suffix == ".parquet":
        return digest_of(read_made_from(path))
    if path.name == "manifest.json":
        try:
            return contents_digest(read_json(path))
        except (KeyError, TypeError):
            raise DamagedError(path, "not a manifest") from None
    try:
        return sha256_of(path)
    except FileNotFoundError:
        raise PolymathError(f"{path} is missing: run the same command again to make it") from None


def contents_digest(manifest: Mapping[str, Any]) -> str:
    """Return a digest of the names and contents of the files that a manifest lists.

    Folders count, as a column may be read from them, wherever they all lie. Those of music21's
    scores are left out: the table among them names them.
    """
    files = list(manifest["files"])
    names = relative_names([Path(file["path"]) for file in files])
    source = manifest.get("source")
    if isinstance(source, Mapping) and source.get("kind") == "music21":
        names = [Path(name).name for name in names]
    return digest_of([[name, file["sha256"]] for name, file in zip(names, files, strict=True)])


def relative_names(files: Iterable[Path]) -> list[str]:
    """Return the names of files below the folder that all of one kind lie in.

    Relative paths, which lie beside a manifest, stay as they are.
    """
    paths = list(files)
    folders = [path.parent for path in paths if path.is_absolute()]
    common = Path(os.path.commonpath(folders)) if folders else Path()
    return [str(p.relative_to(common)) if p.is_absolute() else str(p) for p in paths]


def read_made_from(path: Path) -> dict[str, Any]:
    """Return what a table, or a manifest, states it is made from; empty if it states nothing.

    Raises:
        PolymathError: if it is missing or damaged.
    """
    content = read_metadata(path) if path.suffix == ".parquet" else read_json(path)
    if not isinstance(content, dict):
        raise DamagedError(path, "not as it was written")
    stated = content.get(MADE_FROM)
    return stated if isinstance(stated, dict) else {}


def find_difference(stated: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Return the first difference between what a result is made from and what is asked for, as
    "recipe.steps is 30, not 60"; None if there is none.
    """
    if not stated:
        return "it does not state what it is made from"
    return _differ("", stated, wanted)


def require_made_from(path: Path, asked: Mapping[str, Any]) -> None:
    """Refuse a table that was made by another configuration than the one that reads it.

    Raises:
        PolymathError: naming the file, the difference and the remedy.
    """
    stated = read_made_from(path)
    wanted = describe(asked, {})
    difference = find_difference(stated and {**wanted, "asked": stated.get("asked")}, wanted)
    if difference:
        raise PolymathError(
            f"{path} is of another configuration: {difference}. Run the same command again to make "
            "it again; where another workflow writes to this folder, give each its own 'results'"
        )


def _differ(name: str, stated: Any, wanted: Any) -> str | None:
    if isinstance(stated, Mapping) and isinstance(wanted, Mapping):
        for key in [*wanted, *(key for key in stated if key not in wanted)]:
            difference = _differ(f"{name}.{key}", stated.get(key), wanted.get(key))
            if difference:
                return difference
        return None
    shown = name.removeprefix(".asked").removeprefix(".").removeprefix("job.")
    return None if stated == wanted else f"{shown} is {stated}, not {wanted}"
