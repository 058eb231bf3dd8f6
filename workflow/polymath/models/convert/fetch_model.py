"""Fetch a model's files and convert them to the form that every stage reads."""

from collections.abc import Callable
from pathlib import Path

from polymath.data.fetch.fetch import LOCK_FILE, collect, record
from polymath.data.fetch.lock import Lock
from polymath.experiment.sources import FetchedSource
from polymath.models.convert.checkpoint import convert_checkpoint


def fetch_model(
    source: FetchedSource,
    manifest: Path,
    log: Callable[[str], None],
    lock_file: Path = LOCK_FILE,
) -> None:
    """Put a model's config.json, model.safetensors and tokenizer.json beside `manifest`.

    The user's own folder stays where it is if it has this form already.

    Args:
        lock_file: keeps the checksums that the catalogue does not state.

    Raises:
        PolymathError: if a file cannot be fetched whole and unaltered, or cannot be converted.
    """
    lock = Lock.of(lock_file, manifest, source)
    files, _ = collect(source, manifest.parent, 1, lock, log)
    record(source, manifest, convert_checkpoint(files, manifest.parent, log), log)
