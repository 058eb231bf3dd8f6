"""List the user's own files. Light enough to import while the workflow is planned."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from polymath.data.fetch.manifest import Manifest, explain_change
from polymath.experiment.config import Experiment
from polymath.experiment.datasets import Alphabet
from polymath.experiment.paths import ResultPaths
from polymath.experiment.requests import Requests
from polymath.experiment.sources import (
    MODEL_FILES,
    WEIGHT_SUFFIXES,
    ConfiguredSource,
    PathSource,
    identity_of,
)
from polymath.experiment.stage_versions import FETCH
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_metadata
from polymath.util.user_folders import expand_home

UNKNOWN = "unknown, as its manifest is missing"


def list_path(source: PathSource) -> list[Path]:
    """Return the user's file, or all files of the user's folder, sorted.

    Raises:
        PolymathError: if there is none.
    """
    path = expand_home(source.path)
    if path.is_file():
        return [path]
    files = sorted(file for file in _visible_in(path) if file.is_file())
    if not files:
        problem = "is an empty folder" if path.is_dir() else "does not exist"
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise PolymathError(
            f"source path '{source.path}' {problem}{where}: check 'path'; a relative one starts at "
            "the folder of the configuration file that names it"
        )
    return files


def _visible_in(folder: Path) -> Iterator[Path]:
    """Yield what a folder has at any depth, without what is hidden."""
    for path in folder.rglob("*"):
        if not any(name.startswith(".") for name in path.relative_to(folder).parts):
            yield path


def describe_source(source: BaseModel) -> dict[str, Any]:
    """Return what a manifest states of its source."""
    return {**identity_of(source), "code_version": FETCH}


def changed_sources(requests: Requests) -> Iterator[tuple[Path, str]]:
    """Yield the manifest of each source that must be fetched again, with the reason."""
    for manifest, source in requests.fetched():
        reason = explain_change(manifest, describe_source(source), own_files(source))
        if reason:
            yield manifest, reason


def absent_manifests(requests: Requests) -> dict[Path, Callable[[], str | None]]:
    """Return functions for the identities that absent manifests would have.

    Of the user's own files all are read for one. That of a model which must be converted first is
    UNKNOWN, so that what was made from it is made again. Of a task or model that is fetched, tables
    say what they were made from.
    """
    experiment, paths = requests.experiment, requests.paths
    tasks = {paths.raw_manifest(task): task for task in experiment.datasets}
    models = {paths.model_manifest(name): name for name in experiment.checkpoints}
    identities: dict[Path, Callable[[], str | None]] = {}
    for manifest, source in requests.fetched():
        if manifest.is_file():
            continue
        if isinstance(_own_source(source), PathSource):
            identities[manifest] = partial(_identity_of, manifest, source, manifest in models)
        elif manifest in models:
            tables = partial(paths.tables_of_model, models[manifest])
            identities[manifest] = partial(_stated_identity, tables, source, "model_")
        else:
            tables = partial(paths.tables_of_source, tasks[manifest])
            identities[manifest] = partial(_stated_identity, tables, source)
    return identities


def _stated_identity(
    tables: Callable[[], Iterator[Path]], source: BaseModel, of: str = ""
) -> str | None:
    """Return which files tables say they were made from; UNKNOWN if all are of another source.

    None if there are none, or they say nothing, as those of older versions.

    Args:
        of: what the names begin with under which they say it.
    """
    identity = None
    for table in tables():
        try:
            metadata = read_metadata(table)
        except DamagedError:
            continue
        stated = metadata.get(f"{of}source")
        if stated == describe_source(source):
            return str(metadata[f"{of or 'source_'}sha256"])
        if stated is not None:
            identity = UNKNOWN
    return identity


def _identity_of(manifest: Path, source: BaseModel, is_model: bool) -> str:
    files = own_files(source)
    must_convert = is_model and not {*MODEL_FILES} <= {file.name for file in files}
    return UNKNOWN if must_convert else Manifest.of(manifest, {}, files).sha256


def own_files(source: BaseModel | None) -> list[Path]:
    """Return the user's own files among a source's."""
    own = _own_source(source)
    return list_path(own) if isinstance(own, PathSource) else []


def _own_source(source: BaseModel | None) -> BaseModel | None:
    """Return the source that may name the user's own files."""
    return source.weights if isinstance(source, ConfiguredSource) else source


def require_own_files(experiment: Experiment) -> None:
    """Check before anything is computed that the user's own files exist.

    Raises:
        PolymathError: naming each data set and checkpoint whose path does not exist, has braces or
            lost files, or lacks a model's weights.
    """
    problems = list(problems_of_own_files(experiment))
    if problems:
        raise PolymathError("\n".join(problems))


def problems_of_own_files(experiment: Experiment) -> Iterator[str]:
    """Yield why the files of a data set or checkpoint cannot be read, one line each."""
    for section in ("datasets", "checkpoints"):
        for name, entry in getattr(experiment, section).items():
            try:
                files = own_files(entry.source)
                _require_no_braces(files)
                if section == "datasets" and isinstance(entry.source, PathSource):
                    _refuse_lost_files(entry.source)
                if section == "datasets":
                    _require_tokenizer(entry.alphabet)
                if section == "checkpoints":
                    _require_weights(entry.source, files)
            except PolymathError as error:
                yield f"{section}.{name}: {error}"


def _require_tokenizer(alphabet: Alphabet) -> None:
    if alphabet.file is not None and not expand_home(alphabet.file).is_file():
        raise PolymathError(
            f"alphabet: the tokenizer's file '{alphabet.file}' does not exist: check 'file'; a "
            "relative one starts at the folder of the configuration file that names it"
        )


def _refuse_lost_files(source: PathSource) -> None:
    """Refuse links in a folder of data to other folders, which are not followed, or to nothing."""
    for path in _visible_in(expand_home(source.path)):
        if path.is_symlink() and not path.is_file():
            raise PolymathError(
                f"'{path}' is a link to a folder, which is not followed, or to nothing: put the "
                "files in its place, or delete it"
            )


def _require_weights(source: BaseModel, files: list[Path]) -> None:
    """Refuse a model's own folder without weights, before others are fetched and trained."""
    if isinstance(source, PathSource) and not any(f.suffix in WEIGHT_SUFFIXES for f in files):
        raise PolymathError(
            f"no weights in '{source.path}': add model.safetensors, pytorch_model.bin or an .onnx "
            "file; a configuration without weights is of kind configured, and starts from scratch"
        )


def require_results_folder(results: ResultPaths) -> None:
    """Refuse a folder of results that is a file or a broken link, or would lie in one.

    Raises:
        PolymathError: naming the file.
    """
    try:
        for path in (results.root, *results.root.parents):
            if (path.is_symlink() or path.exists()) and not path.is_dir():
                kind = "a broken link" if path.is_symlink() and not path.exists() else "a file"
                raise PolymathError(
                    f"config: results: '{path}' is {kind}, not a folder: rename it, or name a "
                    "folder"
                )
    except OSError as error:
        raise PolymathError(f"config: results: {error.strerror}: name another folder") from None


def _require_no_braces(files: list[Path]) -> None:
    """Refuse braces, which Snakemake reads as wildcards."""
    for file in files:
        if set("{}") & set(str(file)):
            raise PolymathError(f"'{file}' has braces in its name: rename it")
