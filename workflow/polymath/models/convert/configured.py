"""Make a model from another's configuration and tokenizer, with changes."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polymath.data.fetch.fetch import LOCK_FILE, collect, record
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.manifest import Manifest
from polymath.experiment.sources import ConfiguredSource
from polymath.models.convert.checkpoint import CONFIG, TOKENIZER, require_kind
from polymath.models.convert.config_limits import check_config
from polymath.models.convert.weights import WEIGHTS, convert_weights, find_weights
from polymath.util.errors import PolymathError, suggest
from polymath.util.storage import read_json, whole_file, write_json


def configure_model(
    source: ConfiguredSource,
    base: Path,
    manifest: Path,
    log: Callable[[str], None],
    lock_file: Path = LOCK_FILE,
) -> None:
    """Write the model's files beside `manifest`, and the manifest last.

    Args:
        base: manifest of the model whose configuration and tokenizer it takes.
        lock_file: keeps the checksums that the catalogue does not state.

    Raises:
        PolymathError: if a key of the configuration is unknown, or the weights cannot be fetched.
    """
    folder = manifest.parent
    inherited = Manifest.read(base)
    config = changed_config(read_json(inherited.locate(CONFIG)), source, manifest)
    files = [folder / CONFIG, folder / TOKENIZER]
    write_json(config, files[0])
    with whole_file(files[1]) as temporary:
        shutil.copyfile(inherited.locate(TOKENIZER), temporary)
    if source.weights is not None:
        files.append(folder / WEIGHTS)
        with tempfile.TemporaryDirectory(prefix=".weights-", dir=folder) as scratch:
            lock = Lock.of(lock_file, manifest, source.weights)
            fetched, _ = collect(source.weights, Path(scratch), 1, lock, log)
            weights = find_weights({file.name: file for file in fetched}, str(manifest.parent))
            convert_weights(weights, config, files[-1], log)
    record(source, manifest, files, log)


def changed_config(
    base: dict[str, Any], source: ConfiguredSource, manifest: Path
) -> dict[str, Any]:
    """Return the base's configuration with the changes.

    For another kind of model, only the keys that both kinds know are kept from the base.

    Raises:
        PolymathError: naming an unknown key and the nearest one.
    """
    from transformers import AutoConfig

    place = f"model '{manifest.parent.name}': config"
    kind = str(source.config.get("model_type", base["model_type"]))
    require_kind(kind, place)
    check_config(source.config, place)
    known = AutoConfig.for_model(kind).to_dict()
    for key in source.config:
        if key not in known and key not in base:
            raise PolymathError(f"{place}: a {kind} has no '{key}': {suggest(key, known)}")
    if kind == base["model_type"]:
        return {**base, **source.config}
    shared = {key: value for key, value in base.items() if key in known and key != "architectures"}
    return {**shared, **source.config}
