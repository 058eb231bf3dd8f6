"""The table of models, generated from their catalogue."""

from pathlib import Path

import pandas as pd
import yaml

from polymath.experiment.models import ModelEntry, ModelSize
from polymath.experiment.sources import ConfiguredSource, HubSource, PackageSource
from polymath.reporting.tables import DASH, to_markdown

TRIED = {
    "run": "run here",
    "family": "architecture only; not fetched here",
    "tokenizer": "architecture and tokenizer only; not fetched here",
    None: "not stated",
}


def describe_models(catalogue: Path) -> str:
    """Return a table of all models, and their notes."""
    entries = {
        name: ModelEntry.model_validate(values)
        for name, values in yaml.safe_load(catalogue.read_text(encoding="utf-8")).items()
    }
    table = pd.DataFrame(
        {
            "model": name,
            "domain": entry.domain,
            "layers × width": _size(entry.size),
            "source": _source(entry),
            "licence": entry.licence,
            "tried": TRIED[entry.tried],
        }
        for name, entry in entries.items()
    )
    notes = [f"- `{name}`: {entry.notes}" for name, entry in entries.items() if entry.notes]
    return "\n".join([to_markdown(table), *notes])


def _size(size: ModelSize | None) -> str:
    return f"{size.layers} × {size.width}" if size else DASH


def _source(entry: ModelEntry) -> str:
    match entry.source:
        case PackageSource() as package:
            return f"package `{package.name}` {package.version}"
        case ConfiguredSource() as changed:
            return f"`{changed.base}`, changed"
        case HubSource() as hub:
            pinned = hub.commit or f"{hub.revision}, locked at the first fetch"
            return f"hub `{hub.repo}` at {pinned}"
        case other:
            return other.kind
