"""Download files of a repository on the Hugging Face hub at one commit, without its code."""

import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import DatasetInfo, HfApi, ModelInfo, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from polymath.data.fetch.lock import Lock
from polymath.data.fetch.progress import Log, Progress
from polymath.experiment.sources import HubSource
from polymath.util.errors import PolymathError, suggest
from polymath.util.secrets import redact
from polymath.util.storage import sha256_of

# What is downloaded of a model whose entry names no files. Tokenizers come in many forms.
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "spm.model", "sentencepiece*.model",
)  # fmt: skip
# The first of these that the repository has.
WEIGHTS = (
    ("model.safetensors",),
    ("model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin",),
    ("pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)
OFFLINE = (httpx2.TransportError, LocalEntryNotFoundError, OfflineModeIsEnabled)


def fetch_hub(source: HubSource, folder: Path, lock: Lock, log: Log) -> list[Path]:
    """Download the repository's matching files at the commit that its revision first stood for.

    A file in this machine's hub cache is taken from there. HF_ENDPOINT, HF_TOKEN and HF_HOME are
    respected.

    Raises:
        PolymathError: if the repository or a file cannot be fetched, or a file has changed.
    """
    try:
        commit, available = _list(source, lock.commit)
        names = _choose(source, available)
        log(f"{source.repo} at {commit}: {', '.join(names)}")
        files = [_download(source, name, commit, folder, log) for name in names]
    except (HfHubHTTPError, HFValidationError, *OFFLINE) as error:
        raise PolymathError(f"{source.repo}: {_explain(error, source, lock)}") from None
    try:
        lock.keep({name: sha256_of(file) for name, file in zip(names, files, strict=True)}, commit)
    except PolymathError:
        for file in files:
            file.unlink()
        raise
    # The library's own notes on the files; the manifest replaces them.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return files


def _list(source: HubSource, commit: str | None) -> tuple[str, list[str]]:
    """Return the commit, the recorded one if there is one, and the names of its files."""
    info = HfApi().repo_info(
        source.repo, repo_type=source.type, revision=commit or source.revision, timeout=30
    )
    assert isinstance(info, ModelInfo | DatasetInfo)
    assert info.sha is not None
    return info.sha, sorted(file.rfilename for file in info.siblings or ())


def _choose(source: HubSource, available: list[str]) -> list[str]:
    patterns = source.files
    if not patterns:
        weights = next((form for form in WEIGHTS if form[0] in available), None)
        if weights is None or "config.json" not in available:
            raise PolymathError(
                f"{source.repo}: config.json or the weights (model.safetensors or "
                "pytorch_model.bin) are missing: name the files to download under 'files'. The "
                "repository has " + ", ".join(available)
            )
        patterns = ("config.json", *weights, *TOKENIZER)
    for pattern in source.files:
        if not any(fnmatchcase(name, pattern) for name in available):
            raise PolymathError(
                f"{source.repo}: no file matches '{pattern}': {suggest(pattern, available)}"
            )
    return [
        name
        for name in available
        if not name.endswith(".py") and any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _download(source: HubSource, name: str, commit: str, folder: Path, log: Log) -> Path:
    class Bar:
        """The methods of a progress bar that the library calls."""

        def __init__(self, total: int | None = None, initial: int = 0, **_: Any) -> None:
            self._progress = Progress(log, initial, total)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, count: float | None = 1) -> None:
            self._progress.add(int(count or 0))

    hf_hub_download(
        source.repo, name, repo_type=source.type, revision=commit, local_dir=folder,
        tqdm_class=Bar,
    )  # fmt: skip
    return folder / name  # which the library returns without links


def _explain(error: Exception, source: HubSource, lock: Lock) -> str:
    """Return what the hub's library says of a failure, and the remedy."""
    if isinstance(error, GatedRepoError):
        return (
            "this repository is gated: accept its terms on its page on the hub, set HF_TOKEN to "
            "your token, and run again"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no such {source.type}, or it is private: check 'repo' and 'type' in the "
            "catalogue, or set HF_TOKEN"
        )
    if isinstance(error, RevisionNotFoundError) and lock.commit:
        return (
            f"the commit {lock.commit} recorded in {lock.path} is gone from the hub. To take the "
            f"present commit of '{source.revision}', delete the entry '{lock.place}' of {lock.path}"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"no revision '{source.revision}': check 'revision' in the catalogue"
    if isinstance(error, OFFLINE):
        return (
            f"the hub cannot be reached: {redact(error)}. Check the network and HF_ENDPOINT, and "
            "run again; or fetch the files yourself and use kind: path"
        )
    return f"{redact(error)}: run again later, or check 'repo'"
