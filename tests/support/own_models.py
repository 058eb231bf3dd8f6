"""A user's own models, in folders, fetched as the workflow does it."""

import shutil
from pathlib import Path

from polymath.experiment.paths import MANIFEST
from polymath.models.convert.fetch_model import fetch_model
from support import quiet
from support.own_data import own

STANDARD = ["config.json", "model.safetensors", "tokenizer.json"]


def copy_without(source: Path, target: Path, *names: str) -> Path:
    shutil.copytree(source, target)
    for name in names:
        (target / name).unlink()
    return target


def get(path: Path, root: Path) -> Path:
    """Fetch a folder of the user's as the model `odd`, and return where it is standard."""
    manifest = root / "models" / "odd" / MANIFEST
    fetch_model(own(path), manifest, quiet, root / "lock.json")
    return manifest.parent


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
